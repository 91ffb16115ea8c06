"""What is rendered, with every field set, is what a real API server takes: fields, values, Pod Security."""

import copy
import json
from typing import Any

import pytest

from operator_.test_addin_plan import addin, observe, planned
from outlook_addin_sandbox.cluster.kubectl import Kubectl

STRANGERS = {"HTTPRoute", "PodMonitor", "Route"}
"""Kinds that this API server does not know."""

FULL: dict[str, Any] = {
    "imagePullSecrets": [{"name": "pull"}],
    "replicas": 2,
    "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "128Mi"}},
    "podTemplate": {
        "labels": {"team": "video"},
        "annotations": {"note": "1"},
        "nodeSelector": {"disk": "ssd"},
        "priorityClassName": "system-cluster-critical",
        "tolerations": [{"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 60}],
        "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}
        ],
    },
    "autoscaling": {"minReplicas": 2, "maxReplicas": 4, "targetCPUUtilizationPercentage": 70},
    "disruptionBudget": {"minAvailable": "50%"},
    "networkPolicy": {
        "from": [{"namespaceSelector": {"matchLabels": {"a": "b"}}, "podSelector": {}}],
        "metricsFrom": [{"podSelector": {}}],
        "to": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}],
    },
    "ingress": {"className": "nginx", "tlsSecretName": "tls", "annotations": {"a": "b"}},
    "proxy": {
        "httpsProxy": "http://proxy:3128",
        "noProxy": "bank.example",
        "caBundleRef": {"name": "ca", "key": "root.pem"},
    },
    "tracing": {"endpoint": "http://collector:4318"},
}


@pytest.mark.parametrize("kind", ["ClientSecret", "Certificate", "WorkloadIdentity"])
@pytest.mark.parametrize("sync", [True, False], ids=["sync", "no sync"])
def test_every_child_is_taken_and_its_pods_meet_the_restricted_standard(
    kubectl: Kubectl, namespace: str, kind: str, *, sync: bool
) -> None:
    kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted", "--overwrite")
    body = addin(sync=sync, **FULL, credentials={"type": kind, "certificateRef": {"name": "tls"}})
    body["metadata"] |= {"name": "d" * 52, "namespace": namespace}
    todo = planned(observe(body, key=None))
    bodies = [child for child in (*todo.apply, *todo.create) if child["kind"] not in STRANGERS]
    assert len(bodies) >= 8
    [deployment] = [child for child in bodies if child["kind"] == "Deployment"]
    template = copy.deepcopy(deployment["spec"]["template"])
    template["spec"] |= {"serviceAccountName": "default", "priorityClassName": ""}
    metadata = {**template["metadata"], "name": "probe", "namespace": namespace}
    pod = {"apiVersion": "v1", "kind": "Pod", **template, "metadata": metadata}
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": [*bodies, pod]})
    apply = ("apply", "--server-side", "--dry-run=server", "--validate=strict")
    taken = kubectl(*apply, "-n", namespace, "-f", "-", input_text=text)
    assert len(taken.splitlines()) == len(bodies) + 1

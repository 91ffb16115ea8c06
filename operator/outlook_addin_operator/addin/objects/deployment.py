"""The Deployment of the web server.

Paths, probes and resources are those of the product's documentation; the rest is what the *restricted* Pod
Security Standard (kubernetes.io/docs/concepts/security/pod-security-standards) and an arbitrary user id ask.
"""

from typing import Any, Final

from outlook_addin_operator.addin.objects import configmap
from outlook_addin_operator.addin.objects.autoscaler import replicas
from outlook_addin_operator.addin.objects.environment import env, env_from
from outlook_addin_operator.addin.objects.labels import CONTAINER, labels, metadata, selector
from outlook_addin_operator.addin.objects.volumes import mounts, volumes
from outlook_addin_operator.addin.spec import AddinView
from outlook_addin_operator.keys import Object

CONFIG_HASH: Final = "outlook-addin.dev/config-hash"
GRACE_SECONDS: Final = 45
"""More than a pod takes to finish its requests and its work; what a kill cuts off, a sweep has to repair."""

DRAIN_SECONDS: Final = 5
"""How long a pod that ends keeps serving, until nobody sends requests to it any more."""


def build(view: AddinView, *, image: str, config_hash: str, live: Object | None = None) -> Object:
    """Return the Deployment.

    Args:
        view: The OutlookAddin.
        image: The image unless the spec names one.
        config_hash: Changes with everything that the pods read at their start, so that they are rolled.
        live: The Deployment as it is, if there is one.
    """
    owner, spec = view.owner, view.spec
    described, number = metadata(owner, owner.name), replicas(spec, live)
    if live is not None and spec.get("autoscaling"):
        # if the autoscaler sets another number meanwhile, ours must not overrule it: 409, and read again
        described["resourceVersion"] = live["metadata"]["resourceVersion"]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": described,
        "spec": {
            **({} if number is None else {"replicas": number}),
            "selector": {"matchLabels": selector(owner)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": _pod_template(view, spec.get("image") or image, config_hash),
        },
    }


def _pod_template(view: AddinView, image: str, config_hash: str) -> dict[str, Any]:
    extra = view.spec.get("podTemplate") or {}
    return {
        "metadata": {
            "labels": {**(extra.get("labels") or {}), **labels(view.owner)},
            "annotations": {**(extra.get("annotations") or {}), CONFIG_HASH: config_hash},
        },
        "spec": _pod(view, image, extra),
    }


def _pod(view: AddinView, image: str, extra: dict[str, Any]) -> dict[str, Any]:
    wanted = {
        "imagePullSecrets": view.spec.get("imagePullSecrets"),
        **{key: extra.get(key) for key in _SCHEDULING},
    }
    return {
        "serviceAccountName": view.owner.name,
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [_container(view, image)],
        "volumes": volumes(view, configmap.name(view.owner)),
        **{key: value for key, value in wanted.items() if value},
    }


_SCHEDULING = ("nodeSelector", "tolerations", "affinity", "topologySpreadConstraints", "priorityClassName")


def _container(view: AddinView, image: str) -> dict[str, Any]:
    return {
        "name": CONTAINER,
        "image": image,
        "command": ["outlook-addin-web"],
        "ports": [
            {"name": "http", "containerPort": 8080, "protocol": "TCP"},
            {"name": "metrics", "containerPort": 8081, "protocol": "TCP"},
        ],
        "env": env(view),
        "envFrom": env_from(view),
        "volumeMounts": mounts(view),
        "resources": view.spec.get("resources", {}),
        "readinessProbe": _probe("/ready", initial=5, period=5, failures=1),
        "livenessProbe": _probe("/live", initial=10, period=15, failures=3),
        "lifecycle": {"preStop": {"sleep": {"seconds": DRAIN_SECONDS}}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }


def _probe(path: str, *, initial: int, period: int, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": path, "port": "http", "scheme": "HTTP"},
        "initialDelaySeconds": initial,
        "periodSeconds": period,
        "failureThreshold": failures,
        "successThreshold": 1,
        "timeoutSeconds": 5,
    }

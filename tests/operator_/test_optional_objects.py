"""What surrounds the pods, built from the spec; and who sets their number."""

from typing import Any

import pytest

from operator_.test_objects import addin
from outlook_addin_operator.addin.objects import (
    autoscaler,
    deployment,
    disruptionbudget,
    networkpolicy,
    podmonitor,
)
from outlook_addin_operator.addin.objects.labels import selector

OWNER = addin().owner
SCALING = {"minReplicas": 2, "maxReplicas": 5, "targetCPUUtilizationPercentage": 70}
OURS, SCALER = "outlook-addin-operator", "kube-controller-manager"


def live(replicas: int, *managers: str) -> dict[str, Any]:
    owned: dict[str, Any] = {"f:spec": {"f:replicas": {}}}
    entries = [{"manager": name, "fieldsV1": owned} for name in managers]
    metadata = {"resourceVersion": "7", "managedFields": [{"manager": "other", "fieldsV1": {}}, *entries]}
    return {"metadata": metadata, "spec": {"replicas": replicas}}


def test_the_autoscaler_scales_the_deployment_by_cpu() -> None:
    spec = autoscaler.build(OWNER, SCALING)["spec"]
    assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "desk"}
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 5)
    [metric] = spec["metrics"]
    assert metric["resource"]["target"] == {"type": "Utilization", "averageUtilization": 70}


@pytest.mark.parametrize(
    ("sentence", "spec", "present", "asked"),
    [
        ("the spec decides without an autoscaler", {"replicas": 3}, live(9, SCALER), 3),
        ("a new web server starts within the bounds", {"replicas": 1, "autoscaling": SCALING}, None, 2),
        ("and not above them", {"replicas": 9, "autoscaling": SCALING}, None, 5),
        ("what is there stays until it is handed over", {"autoscaling": SCALING}, live(4, OURS), 4),
        ("even while both own it", {"autoscaling": SCALING}, live(4, OURS, SCALER), 4),
        ("handed over, it is left alone", {"autoscaling": SCALING}, live(4, SCALER), None),
        ("zero means off", {"replicas": 0, "autoscaling": SCALING}, live(4, SCALER), 0),
        ("and one means on again", {"replicas": 1, "autoscaling": SCALING}, live(0, OURS), 2),
    ],
)
def test_who_sets_the_number_of_pods(
    sentence: str, spec: dict[str, Any], present: dict[str, Any] | None, asked: int | None
) -> None:
    assert autoscaler.replicas(spec, present) == asked, sentence


def test_a_number_that_is_set_meanwhile_is_not_overruled() -> None:
    scaled = addin(autoscaling=SCALING)
    body = deployment.build(scaled, image="i", config_hash="h", live=live(4, SCALER))
    assert body["metadata"]["resourceVersion"] == "7"
    assert "replicas" not in body["spec"]
    plain = deployment.build(addin(), image="i", config_hash="h", live=live(4, SCALER))
    assert "resourceVersion" not in plain["metadata"]


def test_a_drain_takes_one_pod_at_a_time_unless_told_otherwise() -> None:
    assert disruptionbudget.build(OWNER, {})["spec"]["maxUnavailable"] == 1
    spec = disruptionbudget.build(OWNER, {"minAvailable": "50%"})["spec"]
    assert (spec["minAvailable"], "maxUnavailable" in spec) == ("50%", False)
    assert spec["selector"] == {"matchLabels": selector(OWNER)}
    assert spec["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


def test_a_network_policy_limits_only_what_it_is_told_to() -> None:
    spec = networkpolicy.build(OWNER, {})["spec"]
    assert spec["policyTypes"] == ["Ingress"]
    web, metrics = spec["ingress"]
    assert web == {"ports": [{"protocol": "TCP", "port": "http"}]}
    assert metrics["from"] == [{"namespaceSelector": {}}]
    gate = {"namespaceSelector": {"matchLabels": {"name": "ingress"}}}
    proxy = {"ipBlock": {"cidr": "10.0.0.0/8"}}
    spec = networkpolicy.build(OWNER, {"from": [gate], "metricsFrom": [gate], "to": [proxy]})["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert [rule["from"] for rule in spec["ingress"]] == [[gate], [gate]]
    names, ways = spec["egress"]
    assert {(port["protocol"], port["port"]) for port in names["ports"]} == {
        ("UDP", 53),
        ("TCP", 53),
        ("UDP", 5353),  # OpenShift
        ("TCP", 5353),
    }
    assert ways == {"to": [proxy]}


def test_the_metrics_are_found_by_the_labels_that_a_prometheus_selects() -> None:
    body = podmonitor.build(OWNER, {"labels": {"release": "prometheus", "component": "x"}, "interval": "30s"})
    assert body["metadata"]["labels"]["release"] == "prometheus"
    assert body["metadata"]["labels"]["component"] == "outlook-addin"
    [endpoint] = body["spec"]["podMetricsEndpoints"]
    assert endpoint == {"port": "metrics", "path": "/metrics", "interval": "30s"}
    assert "interval" not in podmonitor.build(OWNER, {})["spec"]["podMetricsEndpoints"][0]

"""What tells the Prometheus Operator to collect the metrics of the pods (prometheus-operator.dev)."""

from collections.abc import Mapping
from typing import Any

from outlook_addin_operator.addin.objects.labels import metadata, selector
from outlook_addin_operator.addin.spec import Owner
from outlook_addin_operator.keys import Object


def build(owner: Owner, settings: Mapping[str, Any]) -> Object:
    """Return the PodMonitor; its labels are what a Prometheus selects it by."""
    described = metadata(owner, owner.name)
    described["labels"] = {**(settings.get("labels") or {}), **described["labels"]}
    endpoint = {"port": "metrics", "path": "/metrics"}
    if settings.get("interval"):
        endpoint["interval"] = settings["interval"]
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PodMonitor",
        "metadata": described,
        "spec": {"selector": {"matchLabels": selector(owner)}, "podMetricsEndpoints": [endpoint]},
    }

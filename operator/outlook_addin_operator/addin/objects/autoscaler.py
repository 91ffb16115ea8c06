"""The autoscaler of the web server, and who sets the number of its pods.

Source: kubernetes.io/docs/concepts/workloads/autoscaling/horizontal-pod-autoscale ("Migrating Deployments").
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from outlook_addin_operator.addin.objects.labels import metadata
from outlook_addin_operator.addin.spec import Owner
from outlook_addin_operator.keys import FIELD_MANAGER, Object

DEFAULT_TARGET: Final = 80


def build(owner: Owner, settings: Mapping[str, Any]) -> Object:
    """Return the HorizontalPodAutoscaler of the Deployment, by the use of CPU."""
    target = settings.get("targetCPUUtilizationPercentage", DEFAULT_TARGET)
    cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": target}}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata(owner, owner.name),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": owner.name},
            "minReplicas": settings.get("minReplicas", 1),
            "maxReplicas": settings["maxReplicas"],
            "metrics": [{"type": "Resource", "resource": cpu}],
        },
    }


def replicas(spec: Mapping[str, Any], live: Mapping[str, Any] | None) -> int | None:
    """Return the number of pods that we ask for; None once it is the autoscaler's to set.

    Without an autoscaler it is spec.replicas. With one, the number that is there stays applied until the
    autoscaler has set another: left out earlier, it would fall back to 1. Zero means off in either case.

    Args:
        spec: Of the OutlookAddin.
        live: The Deployment as it is; None if there is none.
    """
    wanted, scaling = int(spec.get("replicas", 1)), spec.get("autoscaling")
    if not scaling or wanted == 0:
        return wanted
    present = int(live["spec"].get("replicas", 1)) if live is not None else 0
    if live is None or present == 0:
        return min(max(wanted, int(scaling.get("minReplicas", 1))), int(scaling["maxReplicas"]))
    return None if _is_set_by_another(live) else present


def _is_set_by_another(live: Mapping[str, Any]) -> bool:
    """Tell whether somebody else owns the number, and we do not."""
    owners = set(_owners(live["metadata"].get("managedFields") or ()))
    return bool(owners) and FIELD_MANAGER not in owners


def _owners(entries: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    for entry in entries:
        if "f:replicas" in ((entry.get("fieldsV1") or {}).get("f:spec") or {}):
            yield entry["manager"]

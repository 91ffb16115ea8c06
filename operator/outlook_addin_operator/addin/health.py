"""How the web server's pods fare, told from the Deployment and, while they are not available, from them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from outlook_addin_operator.status import find


@dataclass(frozen=True)
class Health:
    """The state of the web server.

    Args:
        available: Whether enough pods serve.
        rolling: Whether pods are still being replaced.
        stuck: Whether a person has to look.
    """

    available: bool
    rolling: bool
    stuck: bool
    reason: str
    message: str


_HARMLESS = frozenset({"ContainerCreating", "PodInitializing"})
_ADVICE = {
    "CrashLoopBackOff": "see kubectl logs --previous of the pod",
    "ImagePullBackOff": "check spec.image and spec.imagePullSecrets",
    "ErrImagePull": "check spec.image and spec.imagePullSecrets",
    "InvalidImageName": "check spec.image",
    "CreateContainerConfigError": "check that the Secrets and ConfigMaps that the pod names exist",
}


def is_available(deployment: Mapping[str, Any] | None) -> bool:
    """Tell whether a web server answers: the Deployment is available with at least one pod."""
    status: Mapping[str, Any] = (deployment or {}).get("status") or {}
    available = find(status.get("conditions") or (), "Available")
    stands = available is not None and available["status"] == "True"
    return bool(stands and status.get("availableReplicas"))


def assess(deployment: Mapping[str, Any], pods: Sequence[Mapping[str, Any]]) -> Health:
    """Sum up."""
    status, wanted = deployment.get("status") or {}, deployment["spec"].get("replicas", 1)
    conditions = status.get("conditions") or ()
    rolling = not _is_rolled_out(deployment, status, wanted)
    available = is_available(deployment)
    if wanted == 0:
        return Health(False, rolling, False, "ScaledToZero", "spec.replicas is 0, so nothing is served.")
    failure = find(conditions, "ReplicaFailure")
    if failure is not None and failure["status"] == "True" and not available:
        return Health(False, rolling, True, "ReplicaFailure", failure["message"])
    progressing = find(conditions, "Progressing")
    if rolling and progressing is not None and progressing["reason"] == "ProgressDeadlineExceeded":
        reason, message = _waiting(pods) or ("ProgressDeadlineExceeded", "New pods do not become ready.")
        return Health(available, True, True, reason, message)
    if available:
        return Health(True, rolling, False, "Available", "The web server is available.")
    reason, message = _waiting(pods) or ("Progressing", "Waiting for the first pod to become ready.")
    return Health(False, True, False, reason, message)


def _is_rolled_out(deployment: Mapping[str, Any], status: Mapping[str, Any], wanted: int) -> bool:
    return bool(
        status.get("observedGeneration") == deployment["metadata"].get("generation")
        and status.get("updatedReplicas", 0) == wanted
        and status.get("replicas", 0) == wanted
        and status.get("availableReplicas", 0) == wanted
    )


def _waiting(pods: Sequence[Mapping[str, Any]]) -> tuple[str, str] | None:
    """Return why a container does not run, without the pod's name, which changes all the time."""
    for state in _states(pods):
        reason = (state.get("waiting") or {}).get("reason")
        if reason and reason not in _HARMLESS:
            advice = _ADVICE.get(reason, "see kubectl describe of the pod")
            return reason, f"A pod of the web server does not start ({reason}): {advice}."
    return None


def _states(pods: Sequence[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    for pod in pods:
        for container in (pod.get("status") or {}).get("containerStatuses") or ():
            yield container.get("state") or {}

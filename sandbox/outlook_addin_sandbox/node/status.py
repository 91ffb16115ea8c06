"""The status of a Pod, worked out from the states of its containers.

Rules: kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from outlook_addin_sandbox.node.addresses import shown
from outlook_addin_sandbox.node.states import ContainerState, Terminated, Waiting, timestamp


@dataclass(frozen=True)
class Placement:
    """Where and since when a Pod is on this node."""

    pod_ip: str
    host_ip: str
    start_time: datetime


def pod_status(
    pod: Mapping[str, Any], containers: Sequence[ContainerState], placement: Placement, now: datetime
) -> dict[str, Any]:
    """Render the part of a Pod's status that belongs to the node; unchanged conditions keep their times."""
    return {
        "phase": _phase(pod, containers),
        "observedGeneration": pod["metadata"].get("generation", 0),
        "conditions": list(_conditions(pod, containers, now)),
        "hostIP": placement.host_ip,
        "hostIPs": [{"ip": placement.host_ip}],
        "podIP": shown(placement.pod_ip),
        "podIPs": [{"ip": shown(placement.pod_ip)}],
        "startTime": timestamp(placement.start_time),
        "containerStatuses": [container.to_json() for container in containers],
    }


def ended_for_good(pod: Mapping[str, Any], state: ContainerState) -> bool:
    """Say whether the restart policy leaves an ended container as it is."""
    if not isinstance(state.state, Terminated):
        return False
    policy = pod["spec"].get("restartPolicy", "Always")
    failed = state.state.exit_code != 0
    deleted = "deletionTimestamp" in pod["metadata"]
    return deleted or policy == "Never" or (policy == "OnFailure" and not failed)


def _phase(pod: Mapping[str, Any], containers: Sequence[ContainerState]) -> str:
    if all(ended_for_good(pod, container) for container in containers):
        failed = any(
            container.state.exit_code for container in containers if isinstance(container.state, Terminated)
        )
        return "Failed" if failed else "Succeeded"
    never_ran = (isinstance(each.state, Waiting) and each.last is None for each in containers)
    return "Pending" if any(never_ran) else "Running"


def _conditions(
    pod: Mapping[str, Any], containers: Sequence[ContainerState], now: datetime
) -> Iterator[dict[str, Any]]:
    unready = [container.name for container in containers if not container.ready]
    because: dict[str, Any] = {}
    if all(ended_for_good(pod, container) for container in containers):
        because = {"reason": "PodCompleted"}
    elif unready:
        names = " ".join(unready)
        because = {
            "reason": "ContainersNotReady",
            "message": f"containers with unready status: [{names}]",
        }
    truth = {"PodScheduled": True, "Initialized": True, "ContainersReady": not unready, "Ready": not unready}
    for kind, true in truth.items():
        condition = {"type": kind, "status": str(true), **({} if true else because)}
        yield {**condition, "lastTransitionTime": _transition_time(pod, condition, now)}


def _transition_time(pod: Mapping[str, Any], condition: Mapping[str, Any], now: datetime) -> str:
    for previous in pod.get("status", {}).get("conditions", ()):
        same = all(previous.get(key) == condition[key] for key in ("type", "status"))
        if same and previous.get("lastTransitionTime"):
            return str(previous["lastTransitionTime"])
    return timestamp(now)

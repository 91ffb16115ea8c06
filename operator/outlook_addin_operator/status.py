"""Conditions and the economy of status writes.

A status is written only when it says something new, because every write wakes every watcher. Conditions
follow the Kubernetes API conventions and kstatus: ``Ready`` always, ``Reconciling`` and ``Stalled`` only
while they are true. Conditions of other writers are neither copied nor touched: server-side apply merges
them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

FOREIGN: Final = frozenset({"Synchronized"})
"""Conditions that the web server owns."""


@dataclass(frozen=True)
class Condition:
    """One aspect of the state.

    Args:
        status: True, False, or None for Unknown.
        reason: One word in CamelCase.
        message: A sentence without numbers that change by themselves.
    """

    type: str
    status: bool | None
    reason: str
    message: str


def render(
    wanted: Iterable[Condition], previous: Sequence[Mapping[str, Any]], generation: int, now: datetime
) -> list[dict[str, Any]]:
    """Return conditions as they stand in a status; a transition time moves only when a status flips."""
    before = {condition["type"]: condition for condition in previous}
    return [_render(condition, before.get(condition.type), generation, now) for condition in wanted]


def _render(
    condition: Condition, before: Mapping[str, Any] | None, generation: int, now: datetime
) -> dict[str, Any]:
    status = "Unknown" if condition.status is None else str(condition.status)
    same = before is not None and before["status"] == status
    return {
        "type": condition.type,
        "status": status,
        "observedGeneration": generation,
        "lastTransitionTime": before["lastTransitionTime"] if before and same else format_time(now),
        "reason": condition.reason,
        "message": condition.message,
    }


def differs(live: Mapping[str, Any], desired: Mapping[str, Any]) -> bool:
    """Tell whether our part of a status has to be written."""
    return _comparable(live) != _comparable(desired)


def _comparable(status: Mapping[str, Any]) -> dict[str, Any]:
    own = {item["type"]: item for item in status.get("conditions", ()) if item["type"] not in FOREIGN}
    return {**status, "conditions": own}


def find(conditions: Sequence[Mapping[str, Any]], kind: str) -> Mapping[str, Any] | None:
    """Return the condition of one type, if it is there."""
    return next((item for item in conditions if item["type"] == kind), None)


def is_true(body: Mapping[str, Any], kind: str) -> bool:
    """Tell whether an object's status has a condition that is True."""
    condition = find(body.get("status", {}).get("conditions") or (), kind)
    return condition is not None and condition["status"] == "True"


def format_time(moment: datetime) -> str:
    """Write a moment in whole seconds, as Kubernetes does."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str | None) -> datetime | None:
    """Read a moment from a status or from metadata; None stays None."""
    return datetime.fromisoformat(text).astimezone(UTC) if text else None

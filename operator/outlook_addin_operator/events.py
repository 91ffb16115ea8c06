"""Events tell people what changed; routine says nothing.

An Event's name follows from what it says and from the ten minutes in which it is said, so that the API server
refuses a repetition, also after a restart. Events carry no personal data: only what conditions say.
"""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from outlook_addin_core.domain.clock import Clock
from outlook_addin_operator.cluster import Cluster, ClusterError

logger = logging.getLogger(__name__)

CONTROLLER: Final = "outlook-addin.dev/operator"
WINDOW: Final = 600
"""Seconds in which the same thing is said once."""

_SILENT = frozenset({"Reconciling", "Stalled", "Subscribed"})
_PROGRESS = frozenset({"WaitingForWebServer", "Progressing", "Initializing", "Suspended", "Deleting"})
_GOOD_WHEN_TRUE = frozenset({"Ready", "CredentialsValid"})


@dataclass(frozen=True)
class Note:
    """What an Event says."""

    reason: str
    message: str
    warning: bool
    action: str = "Reconcile"


def transitions(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> list[Note]:
    """Return what is worth telling about the step from one list of conditions to the next."""
    known = {item["type"]: (item["status"], item["reason"]) for item in before}
    notes: dict[str, Note] = {}
    for item in after:
        kind, state = item["type"], (item["status"], item["reason"])
        if kind in _SILENT or known.get(kind) == state or item["status"] == "Unknown":
            continue
        good = (kind in _GOOD_WHEN_TRUE) == (item["status"] == "True")
        if good and kind != "Ready":
            continue
        warning = not good and item["reason"] not in _PROGRESS
        notes.setdefault(item["reason"], Note(item["reason"], item["message"], warning))
    return list(notes.values())


class Recorder:
    """Writes Events about our objects; a failure to write one is nobody's problem."""

    def __init__(self, cluster: Cluster, clock: Clock, instance: str) -> None:
        self._cluster = cluster
        self._clock = clock
        self._instance = instance

    async def record(self, body: Mapping[str, Any], notes: Sequence[Note]) -> None:
        """Tell all notes about one object."""
        for note in notes:
            try:
                await self._cluster.create(event(body, note, self._clock.now(), self._instance))
            except ClusterError as error:
                logger.debug("an Event was not written: %s", error)


def event(body: Mapping[str, Any], note: Note, now: datetime, instance: str) -> dict[str, Any]:
    """Build the Event that carries a note about an object."""
    metadata = body["metadata"]
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": _name(metadata, note, now), "namespace": metadata["namespace"]},
        "eventTime": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "type": "Warning" if note.warning else "Normal",
        "reason": note.reason,
        "note": note.message[:1000],
        "action": note.action,
        "reportingController": CONTROLLER,
        "reportingInstance": instance,
        "regarding": {
            "apiVersion": body["apiVersion"],
            "kind": body["kind"],
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "uid": metadata["uid"],
        },
    }


def _name(metadata: Mapping[str, Any], note: Note, now: datetime) -> str:
    window = int(now.timestamp()) // WINDOW
    content = f"{metadata['uid']}/{note.reason}/{note.message}/{window}"
    return f"{metadata['name'][:200]}.{hashlib.sha256(content.encode()).hexdigest()[:16]}"

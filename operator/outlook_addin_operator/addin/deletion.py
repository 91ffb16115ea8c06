"""What happens before an OutlookAddin goes: nobody is left who would renew or clean up its subscriptions."""

from datetime import datetime, timedelta
from typing import Any, Final

from outlook_addin_core.domain.clock import Clock
from outlook_addin_core.domain.resources import ADDIN, FINALIZER, MANAGED_BY, SUBSCRIPTION, WEB_MANAGER
from outlook_addin_operator.addin import status
from outlook_addin_operator.agenda import Agenda
from outlook_addin_operator.cluster import Cluster
from outlook_addin_operator.events import Note, Recorder
from outlook_addin_operator.keys import Key, Object, has_finalizer, is_deleting, key_of
from outlook_addin_operator.status import Condition, differs, parse_time

PATIENCE: Final = timedelta(minutes=10)
"""How long an OutlookAddin waits while its subscriptions become no fewer; what is left runs out by itself."""

AGAIN: Final = timedelta(seconds=2)
PER_THOUSAND: Final = timedelta(seconds=1)
"""How much later it looks again for each thousand that is waited for: a look reads them all."""

MOST_AT_ONCE: Final = 2000
"""How many objects are deleted in one look, which must come to an end."""


class Deletion:
    """Cleans up after OutlookAddins that were deleted."""

    def __init__(self, cluster: Cluster, agenda: Agenda, recorder: Recorder, clock: Clock) -> None:
        self._cluster = cluster
        self._agenda = agenda
        self._recorder = recorder
        self._clock = clock
        self._progress: dict[str, tuple[int, datetime]] = {}

    async def reconcile(self, body: Object) -> datetime | None:
        """Delete the subscriptions that the web server made, wait for all, then let the object go."""
        if not has_finalizer(body):
            return None
        key, now = key_of(ADDIN, body), self._clock.now()
        fields = {"spec.addinRef.name": key.name}
        subscriptions = await self._cluster.list(SUBSCRIPTION, key.namespace, fields=fields)
        to_delete = [item for item in subscriptions if _is_web_made(item) and not is_deleting(item)]
        for item in to_delete[:MOST_AT_ONCE]:
            await self._cluster.delete(key_of(SUBSCRIPTION, item))
        waiting = sum(is_waited_for(item) for item in subscriptions)
        if waiting and not self._is_stuck(body, waiting, now):
            await self._announce(body, now)
            self._agenda.wake_subscriptions(key, lambda _entry: True)
            return now + AGAIN + PER_THOUSAND * (waiting // 1000)
        await self._release(body, key, left=waiting)
        return None

    def _is_stuck(self, body: Object, waiting: int, now: datetime) -> bool:
        """Tell whether there have not become fewer for too long; a restart begins to count anew."""
        uid = body["metadata"]["uid"]
        before, since = self._progress.get(uid, (None, now))
        if before is None:
            since = parse_time(body["metadata"]["deletionTimestamp"]) or now
        elif waiting < before:
            since = now
        self._progress[uid] = (waiting, since)
        return now - since > PATIENCE

    async def _announce(self, body: Object, now: datetime) -> None:
        message = "Calendar subscriptions are being removed from Microsoft Graph."
        desired = status.simple(body, Condition("Ready", False, "Deleting", message), now)
        if differs(body.get("status") or {}, desired):
            await self._cluster.apply_status(body, desired)

    async def _release(self, body: Object, key: Key, *, left: int) -> None:
        self._progress.pop(body["metadata"]["uid"], None)
        if left:
            message = "Some Graph subscriptions could not be removed in time; they run out within seven days."
            await self._recorder.record(body, [Note("CleanupIncomplete", message, warning=True)])
        rest = [item for item in body["metadata"]["finalizers"] if item != FINALIZER]
        await self._cluster.set_finalizers(body, rest)
        self._agenda.wake_subscriptions(key, lambda _entry: True)


def is_waited_for(item: Object) -> bool:
    """Tell whether a subscription still needs its OutlookAddin: it is to go, or lives at Graph."""
    return _is_web_made(item) or bool((item.get("status") or {}).get("subscriptionId"))


def _is_web_made(item: Object) -> bool:
    labels: dict[str, Any] = item["metadata"].get("labels") or {}
    return labels.get(MANAGED_BY) == WEB_MANAGER

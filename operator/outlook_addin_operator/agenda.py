"""From what the watches show to what is due: no I/O, one step per event.

Everything is level-triggered: an event says where to look, never what to do. An OutlookAddin is looked at on
every event of its own and of its children; a CalendarSubscription when its status says so.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from outlook_addin_core.domain.clock import Clock
from outlook_addin_core.domain.resources import ADDIN, SUBSCRIPTION
from outlook_addin_operator.inventory import Inventory, SubscriptionEntry
from outlook_addin_operator.keys import Key, key_of
from outlook_addin_operator.schedule import Schedule
from outlook_addin_operator.status import find, is_true
from outlook_addin_operator.subscription.due import due_time

COUNT_PAUSE: Final = timedelta(seconds=30)
"""How long changes among CalendarSubscriptions are gathered before an OutlookAddin counts them."""


class Agenda:
    """Keeps the schedule and the inventory up to date with the cluster.

    Args:
        wake: Puts a key into the schedule and wakes the workers.
    """

    def __init__(
        self,
        schedule: Schedule,
        inventory: Inventory,
        wake: Callable[[Key, datetime], None],
        clock: Clock,
    ) -> None:
        self._schedule = schedule
        self._inventory = inventory
        self._wake = wake
        self._clock = clock
        self._retry: set[Key] = set()
        self._check: set[Key] = set()
        self._sweeps: set[Key] = set()
        self.leading = True
        """Whether this process does the work; if not, due times follow what the one that does has written."""

    def wake(self, key: Key) -> None:
        """Have a key looked at now."""
        self._wake(key, self._clock.now())

    def backlog(self, now: datetime) -> tuple[int, float]:
        """Return how many keys are due, and for how many seconds the first has been; none for a standby."""
        if not self.leading:
            return 0, 0.0
        return self._schedule.overdue(now), self._schedule.oldest(now)

    def addin(self, gone: bool, body: Mapping[str, Any]) -> None:  # noqa: FBT001 - what an event says
        """Take in an event of an OutlookAddin."""
        key = key_of(ADDIN, body)
        if gone:
            self._schedule.forget(key)
            affected = self._inventory.drop_addin(key)
            self.wake_subscriptions(key, lambda _entry: True)
        else:
            client_id = body["spec"]["clientId"].lower()
            affected = self._inventory.put_addin(key, client_id, failing=_is_failing(body))
            self.wake(key)
        for other in affected:
            self.wake(other)

    def subscription(self, gone: bool, body: Mapping[str, Any]) -> None:  # noqa: FBT001 - what an event says
        """Take in an event of a CalendarSubscription."""
        key = key_of(SUBSCRIPTION, body)
        before = self._inventory.subscription(key)
        if gone:
            self.vanished(key)
            return
        entry = self._inventory.put_subscription(body, SUBSCRIPTION)
        self._note(key, due_time(body, self._clock.now()))
        if before is None or (before.ready, before.failing) != (entry.ready, entry.failing):
            self._recount(entry)
        if before is not None and entry.deleting and not before.deleting:
            self.wake(entry.addin)

    def vanished(self, key: Key) -> None:
        """Forget a CalendarSubscription that is gone; a watch that was interrupted does not always say so."""
        before = self._inventory.subscription(key)
        for sibling in self._inventory.siblings(key):
            self.wake(sibling.key)
        self._inventory.drop_subscription(key)
        self._schedule.forget(key)
        self._retry.discard(key)
        self._check.discard(key)
        self._recount(before)

    def child(self, body: Mapping[str, Any]) -> None:
        """Take in an event of an object that an OutlookAddin is made of."""
        for owner in body["metadata"].get("ownerReferences", ()):
            if owner["kind"] == ADDIN and owner.get("controller"):
                self.wake(Key(ADDIN, body["metadata"]["namespace"], owner["name"]))

    def wake_subscriptions(
        self, addin: Key, which: Callable[[SubscriptionEntry], bool], *, retry: bool = False
    ) -> None:
        """Have CalendarSubscriptions of an add-in looked at now.

        Args:
            addin: The OutlookAddin.
            which: Picks those that are concerned.
            retry: Whether a pause after failures ends, too, because its cause may have gone.
        """
        for entry in self._inventory.of_addin(addin):
            if which(entry):
                if retry:
                    self._retry.add(entry.key)
                self.wake(entry.key)

    def take_retry(self, key: Key) -> bool:
        """Tell, once, whether something changed that ends a CalendarSubscription's pause."""
        if key in self._retry:
            self._retry.remove(key)
            return True
        return False

    def check(self, key: Key) -> None:
        """Have somebody see at Graph whether a CalendarSubscription's subscription is there."""
        self._check.add(key)
        self.wake(key)

    def take_check(self, key: Key) -> bool:
        """Tell, once, whether that was asked for."""
        if key in self._check:
            self._check.remove(key)
            return True
        return False

    def want_sweep(self, addin: Key) -> None:
        """Take note that changes may have gone unseen in a mailbox of an OutlookAddin."""
        self._sweeps.add(addin)

    def take_sweeps(self) -> set[Key]:
        """Return, once, the OutlookAddins whose mailboxes are to be swept."""
        wanted, self._sweeps = self._sweeps, set()
        return wanted

    def _note(self, key: Key, due: datetime | None) -> None:
        if due is not None and self.leading:
            self._wake(key, due)
        elif due is not None:
            self._schedule.put(key, due)
        elif not self.leading:
            self._schedule.forget(key)

    def _recount(self, entry: SubscriptionEntry | None) -> None:
        if entry is not None:
            self._wake(entry.addin, self._clock.now() + COUNT_PAUSE)


def _is_failing(addin: Mapping[str, Any]) -> bool:
    """Tell whether an OutlookAddin is stalled or not ready, or its credentials are missing or refused."""
    conditions = (addin.get("status") or {}).get("conditions") or ()
    wanting = [find(conditions, kind) for kind in ("Ready", "CredentialsValid")]
    if any(each["status"] == "False" and each["reason"] != "Suspended" for each in wanting if each):
        return True
    return is_true(addin, "Stalled")

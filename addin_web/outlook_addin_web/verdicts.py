"""Is this mailbox in sync? What the condition Synchronized says. Pure.

Messages hold no numbers and no times: a condition is written only when what it says has changed.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

CONDITION: Final = "Synchronized"
PATIENCE: Final = 3
"""Failures in a row before a failing mailbox is reported; a service that asks to wait once is no news."""


@dataclass(frozen=True)
class Verdict:
    """What is said about a mailbox.

    Args:
        reason: Why, in one word.
        message: Why, in a sentence, with the remedy where there is one.
    """

    synchronized: bool
    reason: str
    message: str


IN_SYNC: Final = Verdict(True, "InSync", "Every open conversation says what its event says.")
REPAIRING: Final = Verdict(
    False, "Repairing", "A sweep has found differences that nobody had notified; they are being repaired."
)
INSUFFICIENT_ROLE: Final = Verdict(
    False,
    "InsufficientRole",
    "Conversations are not deleted with their events; give the sync server's identity the Unblu role ADMIN.",
)


def parked(reason: str, remedy: str) -> Verdict:
    """Return the verdict about a mailbox with changes that were tried too often."""
    if reason in {"GraphDenied", "MailboxNotFound", "InsufficientRole"}:
        return Verdict(False, reason, f"{remedy} The next sweep tries again.")
    return Verdict(
        False, "Parked", f"A change could not be carried over and waits for the next sweep. {remedy}"
    )


def failing(reason: str, remedy: str) -> Verdict:
    """Return the verdict about a mailbox that cannot be worked on at the moment."""
    return Verdict(False, reason, f"{remedy} It is tried again.")


@dataclass(frozen=True)
class _Parking:
    verdict: Verdict
    until: datetime


class Verdicts:
    """What is known about each mailbox, from the parts of the server that learn something about it.

    Args:
        parking: How long a parked change counts: until the next sweep has tried it again.
    """

    def __init__(self, parking: timedelta) -> None:
        self._parking = parking
        self._parked: dict[object, dict[object, _Parking]] = {}
        self._retried: dict[object, set[object]] = {}
        self._swept: dict[object, bool] = {}
        self._troubled: set[object] = set()

    def park(self, mailbox: object, place: object, verdict: Verdict, now: datetime) -> None:
        """Note a change that was tried too often."""
        self._forget(mailbox, place)
        self._parked.setdefault(mailbox, {})[place] = _Parking(verdict, now + self._parking)

    def retry(self, mailbox: object, place: object) -> None:
        """Note a change that is tried again soon; until then nothing is said."""
        self._retried.setdefault(mailbox, set()).add(place)

    def carried_over(self, mailbox: object, place: object) -> None:
        """Note that a change needs no further attempt."""
        self._forget(mailbox, place)
        places = self._parked.get(mailbox, {})
        places.pop(place, None)
        if not places:
            self._parked.pop(mailbox, None)

    def trouble(self, mailbox: object) -> None:
        """Note that a mailbox was reported as failing."""
        self._troubled.add(mailbox)

    def sweep(self, mailbox: object, *, may_delete: bool) -> None:
        """Note that a mailbox was looked at completely.

        What was parked or was to be tried again has been found again, or is well.
        """
        self._swept[mailbox] = may_delete
        self._parked.pop(mailbox, None)
        self._retried.pop(mailbox, None)

    def settled(self, mailbox: object, now: datetime) -> Verdict | None:
        """Return what is true once nothing waits to be done for a mailbox; None if too little is known."""
        if mailbox in self._retried:
            return None
        live = [each for each in self._parked.get(mailbox, {}).values() if each.until > now]
        if live:
            return live[0].verdict
        if self._parked.pop(mailbox, None):
            self._await_sweep(mailbox)
        if mailbox not in self._swept:
            return IN_SYNC if mailbox in self._troubled else None
        self._troubled.discard(mailbox)
        return IN_SYNC if self._swept[mailbox] else INSUFFICIENT_ROLE

    def _await_sweep(self, mailbox: object) -> None:
        """Leave it to whoever sweeps the mailbox next to tell what became of what was parked."""
        self._swept.pop(mailbox, None)
        self._troubled.discard(mailbox)

    def _forget(self, mailbox: object, place: object) -> None:
        places = self._retried.get(mailbox, set())
        places.discard(place)
        if not places:
            self._retried.pop(mailbox, None)

    def parked_count(self, now: datetime) -> int:
        """Return how many changes are parked."""
        return sum(each.until > now for places in self._parked.values() for each in places.values())

"""Which of several processes works: the rules of a Lease (coordination.k8s.io). Pure.

As Kubernetes' own leader election (client-go's leaderelection), it trusts no other machine's clock: a term
has run out when whoever looks has not seen it change for its whole length.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final

DEADLINE: Final = 2 / 3
"""Part of a term after which a holder that could not renew stops; the rest lies between two holders."""

RETRY: Final = 1 / 6
"""Part of a term between two signs of life, or two looks."""

RELEASED_LENGTH: Final = timedelta(seconds=1)
"""How long a Lease that nobody holds says it lasts, as client-go writes it."""


@dataclass(frozen=True)
class Term:
    """What stands in the Lease.

    Args:
        holder: Whose it is; empty if it was given back.
        length: How long after the holder's last sign of life it is free; whole seconds, at least one.
        acquired: Since when it is the holder's.
        renewed: The holder's last sign of life, by the holder's clock.
        transitions: How often it has changed hands.
        version: Of the object that was read; a write over another one fails. Empty if there is none yet.
    """

    holder: str
    length: timedelta
    acquired: datetime | None = None
    renewed: datetime | None = None
    transitions: int = 0
    version: str = ""


@dataclass(frozen=True)
class Sight:
    """When, by our own clock, the term was first seen as it is.

    Args:
        at: Monotonic seconds.
    """

    term: Term
    at: float


class Step(Enum):
    """What a process does about the Lease."""

    RENEW = auto()
    TAKE = auto()
    WAIT = auto()


@dataclass(frozen=True)
class Candidate:
    """One process that takes part.

    Args:
        name: Names this process and no other, also after a restart.
        length: Of the terms it writes; it waits at least as long before it takes another's.
    """

    name: str
    length: timedelta

    def step(self, sight: Sight | None, at: float) -> Step:
        """Decide what to do about the Lease.

        Args:
            sight: Of the Lease; None if there is none.
            at: Now, in monotonic seconds.
        """
        if sight is None or not sight.term.holder:
            return Step.TAKE
        if sight.term.holder == self.name:
            return Step.RENEW
        length = max(sight.term.length, self.length)
        return Step.TAKE if at - sight.at >= length.total_seconds() else Step.WAIT

    def claim(self, term: Term | None, now: datetime) -> Term:
        """Return the term that makes the Lease ours, or keeps it ours with a sign of life."""
        if term is None:
            return Term(self.name, self.length, now, now)
        if term.holder == self.name:
            return replace(term, length=self.length, renewed=now)
        return Term(self.name, self.length, now, now, term.transitions + 1, term.version)


def seen(sight: Sight | None, term: Term, at: float) -> Sight:
    """Return since when the term is known as it is."""
    return sight if sight is not None and sight.term == term else Sight(term, at)


def given_back(term: Term) -> Term:
    """Return the term that leaves the Lease to whoever comes first."""
    return replace(term, holder="", length=RELEASED_LENGTH)

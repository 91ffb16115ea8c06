"""Which replica sweeps: the rules of one Lease. Pure.

As Kubernetes' own leader election, it trusts no other machine's clock: a term has run out when it has not
been seen to change for its whole length by the one who looks.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final

LENGTH: Final = timedelta(seconds=15)
"""How long after its holder's last sign of life a Lease is free."""
RENEWAL: Final = timedelta(seconds=4)
"""How often the holder gives a sign of life, and the others look."""
SURE: Final = timedelta(seconds=10)
"""How long after its last renewal a holder goes on; the rest of the term lies between two holders."""


@dataclass(frozen=True)
class Term:
    """What stands in the Lease.

    Args:
        holder: Whose it is; empty if it was given back.
        acquired: Since when it is the holder's.
        renewed: The holder's last sign of life, by the holder's clock.
        transitions: How often it has changed hands.
        version: Of the object that was read; a write over another one fails. Empty if there is none yet.
    """

    holder: str
    acquired: datetime
    renewed: datetime
    transitions: int = 0
    version: str = ""
    length: timedelta = LENGTH


@dataclass(frozen=True)
class Sight:
    """When, by our own clock, the term was first seen as it is.

    Args:
        at: Monotonic seconds.
    """

    term: Term
    at: float


class Step(Enum):
    """What a replica does."""

    RENEW = auto()
    TAKE = auto()
    WAIT = auto()


def seen(sight: Sight | None, term: Term, at: float) -> Sight:
    """Return since when the term is known as it is."""
    return sight if sight is not None and sight.term == term else Sight(term, at)


def step(sight: Sight | None, me: str, at: float) -> Step:
    """Decide what to do about the Lease; None if there is none."""
    if sight is None or not sight.term.holder:
        return Step.TAKE
    if sight.term.holder == me:
        return Step.RENEW
    return Step.TAKE if at - sight.at >= sight.term.length.total_seconds() else Step.WAIT


def renewed(term: Term, now: datetime) -> Term:
    """Return the holder's own term with a sign of life."""
    return replace(term, renewed=now)


def taken(term: Term | None, me: str, now: datetime) -> Term:
    """Return the term that makes the Lease ours."""
    if term is None:
        return Term(me, now, now)
    return Term(me, now, now, term.transitions + 1, term.version)


def given_back(term: Term, now: datetime) -> Term:
    """Return the term that leaves the Lease to whoever comes first."""
    return replace(term, holder="", renewed=now)

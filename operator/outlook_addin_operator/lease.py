"""Which of several operators works: steps towards a Lease, whose rules stand in ``domain.election``.

The holder counts itself out after two thirds of a term, so that what it has begun is over before anybody else
begins.
"""

from datetime import datetime, timedelta
from typing import Protocol

from outlook_addin_core.domain.clock import Clock
from outlook_addin_core.domain.election import DEADLINE, RETRY, Candidate, Sight, Step, Term, given_back, seen


class LeaseError(Exception):
    """The API server refused or gave no answer; the text says which."""


class LeaseConflictError(LeaseError):
    """Somebody else wrote the Lease in between."""


class LeaseStore(Protocol):
    """Where the term is kept. Every method raises LeaseError."""

    def read(self) -> Term | None:
        """Return the term; None if there is none."""
        ...

    def write(self, term: Term) -> Term:
        """Write over the version that a term names. Raises LeaseConflictError if it is not the latest."""
        ...


class Elector:
    """Holds the Lease, or waits for it; one step at a time, from one thread.

    Args:
        identity: Names this process and no other, also after a restart.
        duration: Seconds, at least 1.
    """

    def __init__(self, store: LeaseStore, identity: str, clock: Clock, duration: float) -> None:
        self._store = store
        self._me = Candidate(identity, timedelta(seconds=max(1, round(duration))))
        self._clock = clock
        self._duration = duration
        self._sight: Sight | None = None
        self._changed_at = clock.monotonic()
        self._renewed: tuple[float, datetime] | None = None

    @property
    def remaining(self) -> float:
        """Seconds for which this process may work without a renewal; 0 if it may not. Any thread may ask.

        Two clocks count, and the stricter one decides: the monotonic clock stands still while a machine is
        suspended, and the other one may be set back.
        """
        renewed = self._renewed
        if renewed is None:
            return 0.0
        age = self._clock.monotonic() - renewed[0]
        wall_age = (self._clock.now() - renewed[1]).total_seconds()
        return max(0.0, self._duration * DEADLINE - max(age, wall_age))

    @property
    def changed_at(self) -> float:
        """The monotonic time at which the Lease was last seen to change."""
        return self._changed_at

    @property
    def pause(self) -> float:
        """Seconds between two steps."""
        return self._duration * RETRY

    def step(self) -> None:
        """Renew the Lease, take it if it is free, or look whether it is.

        Raises:
            LeaseError: It could not be read or written.
        """
        try:
            if not self._is_mine:
                self._look()
            if self._me.step(self._sight, self._clock.monotonic()) is not Step.WAIT:
                self._claim()
        except LeaseConflictError:
            self._renewed, self._sight = None, None
        except LeaseError:
            if self._is_mine:
                self._sight = None  # it may be gone: look before the next write
            raise

    def release(self) -> None:
        """Let go of the Lease, so that another takes it at once. Raises LeaseError."""
        self._renewed = None
        if self._sight is not None and self._is_mine:
            self._see(self._store.write(given_back(self._sight.term)))

    @property
    def _is_mine(self) -> bool:
        return self._sight is not None and self._sight.term.holder == self._me.name

    def _look(self) -> None:
        found = self._store.read()
        if found is None:
            self._sight = None
        else:
            self._see(found)
        if not self._is_mine:
            self._renewed = None

    def _claim(self) -> None:
        """Write our claim; it counts from before it was sent."""
        began, now = self._clock.monotonic(), self._clock.now()
        before = None if self._sight is None else self._sight.term
        self._see(self._store.write(self._me.claim(before, now)))
        self._renewed = (began, now)

    def _see(self, term: Term) -> None:
        at = self._clock.monotonic()
        self._sight = seen(self._sight, term, at)
        self._changed_at = max(self._changed_at, self._sight.at)

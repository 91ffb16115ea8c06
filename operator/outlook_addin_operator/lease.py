"""Which of several operators works: a Lease decides (coordination.k8s.io), as among Kubernetes' components.

A record is compared with what was seen of it before, never with another machine's clock: whoever finds it
unchanged for its whole duration takes it over (as client-go's leaderelection does). The holder counts itself
out after two thirds of that time, so that what it has begun is over before anybody else begins.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol

from outlook_addin_core.domain.clock import Clock

DEADLINE: Final = 2 / 3
"""Part of the duration after which a holder that could not renew stops."""

RETRY: Final = 1 / 6
"""Part of the duration between two looks."""

RELEASED_DURATION: Final = 1
"""Seconds that a released Lease says it lasts, as client-go writes it."""


class LeaseError(Exception):
    """The API server refused or gave no answer; the text says which."""


class LeaseConflictError(LeaseError):
    """Somebody else wrote the Lease in between."""


@dataclass(frozen=True)
class LeaseRecord:
    """What a Lease says.

    Args:
        holder: Who holds it; empty if nobody does.
        duration: Seconds without a renewal after which it is free.
        version: The object's resourceVersion, by which a write refuses to overrule another.
    """

    holder: str
    duration: int
    acquired: datetime | None = None
    renewed: datetime | None = None
    transitions: int = 0
    version: str = ""


class LeaseStore(Protocol):
    """Where the record is kept. Every method raises LeaseError."""

    def read(self) -> LeaseRecord | None:
        """Return the record; None if there is none."""
        ...

    def create(self, record: LeaseRecord) -> LeaseRecord:
        """Write the first record. Raises LeaseConflictError if there is one."""
        ...

    def replace(self, record: LeaseRecord) -> LeaseRecord:
        """Write over the version that a record names. Raises LeaseConflictError if it is not the latest."""
        ...


class Elector:
    """Holds the Lease, or waits for it; one step at a time, from one thread.

    Args:
        identity: Names this process and no other, also after a restart.
        duration: Seconds, at least 1.
    """

    def __init__(self, store: LeaseStore, identity: str, clock: Clock, duration: float) -> None:
        self._store = store
        self._identity = identity
        self._clock = clock
        self._duration = duration
        self._record: LeaseRecord | None = None
        self._seen_at = clock.monotonic()
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
        """The monotonic time at which the record was last seen to change."""
        return self._seen_at

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
            if self._record is None or self._record.holder != self._identity:
                self._look()
            if self._record is None or self._is_free(self._record):
                self._write()
        except LeaseConflictError:
            self._renewed, self._record = None, None
        except LeaseError:
            if self._record is not None and self._record.holder == self._identity:
                self._record = None  # it may be gone: look before the next write
            raise

    def release(self) -> None:
        """Let go of the Lease, so that another takes it at once. Raises LeaseError."""
        record, self._renewed = self._record, None
        if record is None or record.holder != self._identity:
            return
        self._record = self._store.replace(replace(record, holder="", duration=RELEASED_DURATION))

    def _look(self) -> None:
        found = self._store.read()
        if found != self._record:
            self._record, self._seen_at = found, self._clock.monotonic()
        if found is None or found.holder != self._identity:
            self._renewed = None

    def _is_free(self, record: LeaseRecord) -> bool:
        if record.holder in {"", self._identity}:
            return True
        return self._clock.monotonic() - self._seen_at >= max(record.duration, self._duration)

    def _write(self) -> None:
        """Write our claim; it counts from before it was sent."""
        began, now, before = self._clock.monotonic(), self._clock.now(), self._record
        mine = LeaseRecord(self._identity, max(1, round(self._duration)), now, now)
        if before is None:
            self._record = self._store.create(mine)
        else:
            ours = before.holder == self._identity
            mine = replace(
                mine,
                acquired=before.acquired if ours else now,
                transitions=before.transitions + (0 if ours else 1),
                version=before.version,
            )
            self._record = self._store.replace(mine)
        self._seen_at = self._clock.monotonic()
        self._renewed = (began, now)

"""When each object is looked at next: one due time per key, earliest first.

Tens of thousands of objects are waited for by one dict and one heap instead of one task each. A heap entry
whose time is no longer the dict's is stale and is skipped when it comes up. A key that is being worked on is
not handed out a second time; what wakes it meanwhile counts when the work is done.
"""

import heapq
from datetime import UTC, datetime
from itertools import count

from outlook_addin_operator.keys import Key

_SLACK = 64


class Schedule:
    """The due times. Knows no clock and does no I/O; every moment is passed in."""

    def __init__(self) -> None:
        self._due: dict[Key, float] = {}
        self._heap: list[tuple[float, int, Key]] = []
        self._running: dict[Key, float | None] = {}
        self._order = count()

    def __len__(self) -> int:
        return len(self._due)

    @property
    def running(self) -> int:
        """How many keys are being worked on."""
        return len(self._running)

    def wake(self, key: Key, at: datetime) -> bool:
        """See to it that a key is looked at no later than this; an earlier time that it has stays.

        Returns:
            Whether nothing else is due before it, so that whoever sleeps has to wake up.
        """
        moment = at.timestamp()
        if key in self._running:
            waiting = self._running[key]
            self._running[key] = moment if waiting is None else min(waiting, moment)
            return False
        current = self._due.get(key)
        if current is not None and current <= moment:
            return False
        self._set(key, moment)
        return self._heap[0][2] == key

    def put(self, key: Key, at: datetime) -> None:
        """Set a key's due time, earlier or later than it was; for who only follows what others do."""
        if key in self._running:
            self.wake(key, at)
        elif self._due.get(key) != at.timestamp():
            self._set(key, at.timestamp())

    def forget(self, key: Key) -> None:
        """Drop a key whose object is gone."""
        self._due.pop(key, None)
        if key in self._running:
            self._running[key] = None

    def pop(self, now: datetime) -> Key | None:
        """Hand out the key that is due longest, if one is due; it runs until ``done``."""
        self._skip_stale()
        if not self._heap or self._heap[0][0] > now.timestamp():
            return None
        key = heapq.heappop(self._heap)[2]
        del self._due[key]
        self._running[key] = None
        return key

    def done(self, key: Key, next_time: datetime | None) -> None:
        """Take a key back, to be looked at again at the given time or when it was woken meanwhile."""
        woken = self._running.pop(key, None)
        times = [next_time.timestamp()] if next_time is not None else []
        if woken is not None:
            times.append(woken)
        if times:
            self._set(key, min(times))

    def next_due(self) -> datetime | None:
        """Return when the next key is due, if any waits."""
        self._skip_stale()
        return datetime.fromtimestamp(self._heap[0][0], UTC) if self._heap else None

    def oldest(self, now: datetime) -> float:
        """Return for how many seconds the key that is due longest has been waiting; 0 if none is due."""
        due = self.next_due()
        return max(0.0, (now - due).total_seconds()) if due is not None else 0.0

    def overdue(self, now: datetime) -> int:
        """Return how many keys are due and not handed out: the queue's depth."""
        moment = now.timestamp()
        return sum(1 for due in self._due.values() if due <= moment)

    def _set(self, key: Key, moment: float) -> None:
        self._due[key] = moment
        heapq.heappush(self._heap, (moment, next(self._order), key))
        if len(self._heap) > 2 * len(self._due) + _SLACK:
            self._heap = [(due, next(self._order), waiting) for waiting, due in self._due.items()]
            heapq.heapify(self._heap)

    def _skip_stale(self) -> None:
        while self._heap and self._due.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)

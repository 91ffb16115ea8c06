"""When each object is looked at next: one due time per key.

Tens of thousands of objects are waited for by one dict and one heap instead of one task each. A heap entry
whose time is no longer the dict's is stale and is skipped when it comes up. What is due moves to a second
heap, which is in the order of urgency: after an outage, whoever expires first comes first. A key that is
being worked on is not handed out a second time; what wakes it meanwhile counts when the work is done.
"""

import heapq
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count

from outlook_addin_operator.keys import Key

_SLACK = 64


class Schedule:
    """The due times. Knows no clock and does no I/O; every moment is passed in.

    Args:
        urgency: By when, as a timestamp, something that is due should be done; None for since it is due.
    """

    def __init__(self, urgency: Callable[[Key], float | None] = lambda _key: None) -> None:
        self._urgency = urgency
        self._ready: dict[Key, int] = {}
        self._ready_heap: list[tuple[float, int, Key]] = []
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
        self._ready.pop(key, None)
        self._set(key, moment)
        return self._heap[0][2] == key

    def put(self, key: Key, at: datetime) -> None:
        """Set a key's due time, earlier or later than it was; for who only follows what others do."""
        if key in self._running:
            self.wake(key, at)
        elif self._due.get(key) != at.timestamp():
            self._ready.pop(key, None)
            self._set(key, at.timestamp())

    def forget(self, key: Key) -> None:
        """Drop a key whose object is gone."""
        self._due.pop(key, None)
        self._ready.pop(key, None)
        if key in self._running:
            self._running[key] = None

    def pop(self, now: datetime) -> Key | None:
        """Hand out the most urgent of the keys that are due, if one is due; it runs until ``done``."""
        self._promote(now.timestamp())
        while self._ready_heap:
            _, number, key = heapq.heappop(self._ready_heap)
            if self._ready.get(key) != number:
                continue
            del self._ready[key]
            if self._due[key] > now.timestamp():  # the clock was set back
                self._set(key, self._due[key])
                continue
            del self._due[key]
            self._running[key] = None
            return key
        return None

    def done(self, key: Key, next_time: datetime | None) -> None:
        """Take a key back, to be looked at again at the given time or when it was woken meanwhile."""
        woken = self._running.pop(key, None)
        times = [next_time.timestamp()] if next_time is not None else []
        if woken is not None:
            times.append(woken)
        if times:
            self._set(key, min(times))

    def next_due(self) -> datetime | None:
        """Return when the next key is due, or since when the one that waits longest is, if any waits."""
        self._skip_stale()
        moments = [self._due[key] for key in self._ready]
        if self._heap:
            moments.append(self._heap[0][0])
        return datetime.fromtimestamp(min(moments), UTC) if moments else None

    def oldest(self, now: datetime) -> float:
        """Return for how many seconds the key that is due longest has been waiting; 0 if none is due."""
        due = self.next_due()
        return max(0.0, (now - due).total_seconds()) if due is not None else 0.0

    def overdue(self, now: datetime) -> int:
        """Return how many keys are due and not handed out: the queue's depth."""
        moment = now.timestamp()
        return sum(1 for due in self._due.values() if due <= moment)

    def _promote(self, moment: float) -> None:
        """Move what is due to where urgency decides."""
        self._skip_stale()
        while self._heap and self._heap[0][0] <= moment:
            due, number, key = heapq.heappop(self._heap)
            urgency = self._urgency(key)
            self._ready[key] = number
            heapq.heappush(self._ready_heap, (due if urgency is None else urgency, number, key))
            self._skip_stale()

    def _set(self, key: Key, moment: float) -> None:
        self._due[key] = moment
        heapq.heappush(self._heap, (moment, next(self._order), key))
        if len(self._heap) > 2 * len(self._due) + _SLACK:
            self._heap = [
                (due, next(self._order), waiting)
                for waiting, due in self._due.items()
                if waiting not in self._ready
            ]
            heapq.heapify(self._heap)

    def _skip_stale(self) -> None:
        while self._heap and self._is_stale(*self._heap[0]):
            heapq.heappop(self._heap)

    def _is_stale(self, moment: float, _number: int, key: Key) -> bool:
        return key in self._ready or self._due.get(key) != moment

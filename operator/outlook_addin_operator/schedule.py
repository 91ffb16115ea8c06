"""When each object is looked at next: one due time per key.

Tens of thousands of objects are waited for by one dict and one heap instead of one task each. A heap entry
whose time is no longer the dict's is stale and is skipped when it comes up. What is due moves to a second
heap, which is in the order of urgency: after an outage, whoever expires first comes first. A key that is
being worked on is not handed out a second time; what wakes it meanwhile counts when the work is done.

What is due waits in one line per group, so that a group whose work is slow cannot take all workers: it may
take one more only while it has fewer than twice as many as are free: the dynamic threshold by which switches
share their buffers. Of 16, one group gets eleven at most, and two that are equally urgent seven and six.
"""

import heapq
import math
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from operator import itemgetter
from typing import TypeAlias

from outlook_addin_operator.keys import Key

_SLACK = 64

_Entry: TypeAlias = tuple[float, int, Key]


class Schedule:
    """The due times. Knows no clock and does no I/O; every moment is passed in.

    Args:
        urgency: By when, as a timestamp, something that is due should be done; None for since it is due.
        group: Whose key it is; keys of the group None may take every worker.
        limit: How many may run at once; None for no limit.
    """

    def __init__(
        self,
        urgency: Callable[[Key], float | None] = lambda _key: None,
        *,
        group: Callable[[Key], str | None] = lambda _key: None,
        limit: int | None = None,
    ) -> None:
        self._urgency = urgency
        self._group = group
        self._limit = limit
        self._ready: dict[Key, int] = {}
        self._lines: dict[str | None, list[_Entry]] = {}
        self._groups: dict[Key, str | None] = {}
        self._shares: Counter[str | None] = Counter()
        self._due: dict[Key, float] = {}
        self._heap: list[_Entry] = []
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
        """Hand out the most urgent of the keys that are due and may run; it runs until ``done``."""
        self._promote(now.timestamp())
        while (line := self._next_line()) is not None:
            group, waiting = line
            _, _, key = heapq.heappop(waiting)
            del self._ready[key]
            if self._due[key] > now.timestamp():  # the clock was set back
                self._set(key, self._due[key])
                continue
            del self._due[key]
            self._running[key] = None
            self._groups[key] = group
            self._shares[group] += 1
            return key
        return None

    def done(self, key: Key, next_time: datetime | None) -> None:
        """Take a key back, to be looked at again at the given time or when it was woken meanwhile."""
        woken = self._running.pop(key, None)
        self._shares -= Counter([self._groups.pop(key, None)])
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

    def next_timer(self) -> datetime | None:
        """Return when a key becomes due that is not due yet, if any does: ``pop`` is of no use before."""
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

    def _promote(self, moment: float) -> None:
        """Move what is due to where urgency decides."""
        self._skip_stale()
        while self._heap and self._heap[0][0] <= moment:
            due, number, key = heapq.heappop(self._heap)
            urgency = self._urgency(key)
            self._ready[key] = number
            line = self._lines.setdefault(self._group(key), [])
            heapq.heappush(line, (due if urgency is None else urgency, number, key))
            self._skip_stale()

    def _next_line(self) -> tuple[str | None, list[_Entry]] | None:
        """Return the line whose first key is the most urgent of those that may take a worker."""
        free = math.inf if self._limit is None else self._limit - len(self._running)
        heads = [
            (head, group)
            for group in [*self._lines]
            if (head := self._head(group)) and (group is None or self._shares[group] < 2 * free)
        ]
        if not heads:
            return None
        _, group = min(heads, key=itemgetter(0))
        return group, self._lines[group]

    def _head(self, group: str | None) -> _Entry | None:
        """Return the first in a group's line, past those who left it."""
        line = self._lines[group]
        while line and self._ready.get(line[0][2]) != line[0][1]:
            heapq.heappop(line)
        if not line:
            del self._lines[group]
            return None
        return line[0]

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

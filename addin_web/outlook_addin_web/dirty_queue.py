"""Where to look next: tasks by mailbox, coalesced, bounded and fair. Pure; time comes in as an argument.

A notification only says that something may have changed, so a task is a place to look at, not a thing to
do: two notifications about one event are one task, and it does not matter how often or in which order they
came. Tenants take turns, and within a tenant its mailboxes, one task each; no mailbox is worked on twice at
the same time, and no tenant on more mailboxes than its share, so that a slow tenant keeps no other waiting.

A storm of notifications in one mailbox ends in one task: to look at all of the mailbox. So its size is
bounded and nothing is refused because of it. What such a look finds is never gathered up again, or it would
be looked for over and over and never done.
"""

import heapq
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from itertools import count
from typing import Final

from outlook_addin_core.domain.mailbox import Mailbox
from outlook_addin_web.tasks import Kind, Place, Task, coalesced

STORM: Final = 200
"""Notified events of one mailbox that wait; with one more, looking at the whole mailbox costs less."""
PER_TENANT: Final = 8
"""Mailboxes of one tenant that are worked on at the same time."""


class _Turn(Enum):
    IDLE = auto()
    READY = auto()
    BUSY = auto()
    HELD = auto()


@dataclass
class _Box:
    tasks: dict[Place, Task] = field(default_factory=dict)
    turn: _Turn = _Turn.IDLE
    notified: set[Place] = field(default_factory=set)
    """The places of the events that no sweep has found."""

    def put(self, task: Task) -> None:
        known = self.tasks.get(task.place)
        task = task if known is None else coalesced(known, task)
        self.tasks[task.place] = task
        if task.kind is Kind.EVENT and task.finding is None:
            self.notified.add(task.place)

    def take(self) -> Task:
        return self.remove(next(iter(self.tasks)))

    def remove(self, place: Place) -> Task:
        self.notified.discard(place)
        return self.tasks.pop(place)

    def storms_with(self, task: Task) -> bool:
        is_more = task.kind is Kind.EVENT and task.place not in self.tasks
        return is_more and len(self.notified) >= STORM


@dataclass
class _Lane:
    """The mailboxes of one tenant whose turn it can be."""

    ready: deque[Mailbox] = field(default_factory=deque)
    waiting: int = 0
    busy: int = 0
    held_until: datetime | None = None

    def open(self, now: datetime, limit: int) -> bool:
        return bool(self.ready) and self.busy < limit and not _holds(self.held_until, now)


class DirtyQueue:
    """The tasks that wait, with at most ``capacity`` of them from outside.

    Args:
        capacity: How many tasks ``add`` accepts; what the worker itself puts back or off is never refused.
        tenants: How many tenants share it: each is sure of an equal part of half the capacity, and the other
            half is for whoever comes first.
        per_tenant: How many of a tenant's mailboxes may be worked on at the same time.
    """

    def __init__(self, capacity: int, *, tenants: int = 1, per_tenant: int = PER_TENANT) -> None:
        self._capacity = capacity
        self._guaranteed = capacity // (2 * tenants) if tenants > 1 else 0
        self._shared = capacity - tenants * self._guaranteed
        self._per_tenant = per_tenant
        self._boxes: dict[Mailbox, _Box] = {}
        self._lanes: dict[str, _Lane] = {}
        self._turns: deque[str] = deque()
        self._held_until: datetime | None = None
        self._later: list[tuple[datetime, int, Mailbox | None, Task | None]] = []
        self._sequence = count()
        self._size = 0
        self._beyond = 0

    def __len__(self) -> int:
        """How many tasks wait, not counting those that were put off."""
        return self._size

    def at_rest(self, now: datetime) -> bool:
        """Whether nothing can be done now and nothing is being worked on."""
        due = bool(self._later) and self._later[0][0] <= now
        busy = any(lane.busy for lane in self._lanes.values())
        return not (due or busy or self._next_lane(now))

    def add(self, task: Task) -> bool:
        """Note a task; False if there is no room and the place was not already noted."""
        box = self._boxes.get(task.mailbox)
        if box is not None and box.storms_with(task):
            task = self._whole_mailbox(task.mailbox, box)
        elif (box is None or task.place not in box.tasks) and not self._has_room(task.mailbox.tenant_id):
            return False
        self._put(task)
        return True

    def put(self, task: Task) -> None:
        """Note a task that follows from another one; it is never refused."""
        self._put(task)

    def add_later(self, task: Task, when: datetime) -> None:
        """Note a task that must not be looked at before a time."""
        self._push(when, task.mailbox, task)

    def take(self, now: datetime) -> Task | None:
        """Return the next task, or None; its mailbox stays busy until ``done`` or ``retry``."""
        self._wake(now)
        tenant = self._next_lane(now)
        if tenant is None:
            return None
        self._turns.remove(tenant)
        self._turns.append(tenant)
        lane = self._lanes[tenant]
        mailbox = lane.ready.popleft()
        box = self._boxes[mailbox]
        box.turn = _Turn.BUSY
        lane.busy += 1
        self._count(lane, -1)
        return box.take()

    def done(self, mailbox: Mailbox) -> bool:
        """End the task that was taken and tell whether it was the mailbox's last one."""
        self._end_turn(mailbox, _Turn.IDLE)
        return mailbox not in self._boxes

    def retry(self, task: Task, when: datetime) -> None:
        """Put a task back and leave its whole mailbox alone until then."""
        self._put(task)
        self._end_turn(task.mailbox, _Turn.HELD)
        self._push(when, task.mailbox, None)

    def hold(self, tenant: str | None, until: datetime) -> None:
        """Give out nothing of a tenant, or nothing at all, until then; what is under way goes on."""
        if tenant is None:
            self._held_until = _later_of(self._held_until, until)
        else:
            lane = self._lane(tenant)
            lane.held_until = _later_of(lane.held_until, until)
        self._push(until, None, None)

    def next_time(self) -> datetime | None:
        """Return when something that was put off or held becomes due; None if nothing was."""
        return self._later[0][0] if self._later else None

    def _push(self, when: datetime, mailbox: Mailbox | None, task: Task | None) -> None:
        heapq.heappush(self._later, (when, next(self._sequence), mailbox, task))

    def _put(self, task: Task) -> None:
        box = self._boxes.get(task.mailbox)
        if box is None:
            box = self._boxes[task.mailbox] = _Box()
        if task.place not in box.tasks:
            self._count(self._lane(task.mailbox.tenant_id), 1)
        box.put(task)
        if box.turn is _Turn.IDLE:
            self._line_up(task.mailbox, box)

    def _whole_mailbox(self, mailbox: Mailbox, box: _Box) -> Task:
        """Take all notified events out of the box and return the one task that stands for them."""
        events = [box.remove(place) for place in list(box.tasks) if place in box.notified]
        self._count(self._lane(mailbox.tenant_id), -len(events))
        first = events[0]
        return Task(
            mailbox, Kind.MAILBOX, correlation=first.correlation, since=first.since, trace=first.trace
        )

    def _end_turn(self, mailbox: Mailbox, turn: _Turn) -> None:
        box = self._boxes[mailbox]
        box.turn = turn
        self._lane(mailbox.tenant_id).busy -= 1
        if turn is _Turn.IDLE:
            self._line_up(mailbox, box)

    def _line_up(self, mailbox: Mailbox, box: _Box) -> None:
        if box.tasks:
            box.turn = _Turn.READY
            self._lane(mailbox.tenant_id).ready.append(mailbox)
        else:
            del self._boxes[mailbox]

    def _next_lane(self, now: datetime) -> str | None:
        if _holds(self._held_until, now):
            return None
        return next((each for each in self._turns if self._lanes[each].open(now, self._per_tenant)), None)

    def _lane(self, tenant: str) -> _Lane:
        if tenant not in self._lanes:
            self._lanes[tenant] = _Lane()
            self._turns.append(tenant)
        return self._lanes[tenant]

    def _count(self, lane: _Lane, change: int) -> None:
        before = max(0, lane.waiting - self._guaranteed)
        lane.waiting += change
        self._size += change
        self._beyond += max(0, lane.waiting - self._guaranteed) - before

    def _has_room(self, tenant: str) -> bool:
        return self._lane(tenant).waiting < self._guaranteed or self._beyond < self._shared

    def _wake(self, now: datetime) -> None:
        while self._later and self._later[0][0] <= now:
            _, _, mailbox, task = heapq.heappop(self._later)
            if task is not None:
                self._put(task)
            elif mailbox is not None:
                box = self._boxes[mailbox]
                box.turn = _Turn.IDLE
                self._line_up(mailbox, box)


def _holds(until: datetime | None, now: datetime) -> bool:
    return until is not None and now < until


def _later_of(known: datetime | None, new: datetime) -> datetime:
    return new if known is None else max(known, new)

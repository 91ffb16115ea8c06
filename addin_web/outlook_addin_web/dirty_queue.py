"""Where to look next: tasks by mailbox, coalesced, bounded and fair. Pure; time comes in as an argument.

A notification only says that something may have changed, so a task is a place to look at, not a thing to
do: two notifications about one event are one task, and it does not matter how often or in which order they
came. Mailboxes take turns, one task each, and no mailbox is worked on twice at the same time.
"""

import heapq
from collections import deque
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum, auto
from itertools import count

from outlook_addin_core.domain.mailbox import Mailbox


class Kind(Enum):
    """What a task looks at."""

    EVENT = "event"
    """One event, by its id, and the conversation that belongs to it."""
    CONVERSATIONS = "conversations"
    """All open conversations of the mailbox."""
    RENEWAL = "renewal"
    """The mailbox's Graph subscription, which Graph wants renewed or made again."""


@dataclass(frozen=True)
class Task:
    """One place to look at.

    Args:
        subject: The event's id, or why a renewal is asked for.
        suspected: Whether somebody said that the event is gone, so that the calendars have to be searched.
    """

    mailbox: Mailbox
    kind: Kind
    subject: str = ""
    suspected: bool = False

    @property
    def place(self) -> tuple[Kind, str]:
        """What makes two tasks of a mailbox the same task."""
        return self.kind, self.subject


class _Turn(Enum):
    IDLE = auto()
    READY = auto()
    BUSY = auto()
    HELD = auto()


@dataclass
class _Box:
    tasks: dict[tuple[Kind, str], Task] = field(default_factory=dict)
    turn: _Turn = _Turn.IDLE
    failures: int = 0


class DirtyQueue:
    """The tasks that wait, with at most ``capacity`` of them from outside.

    Args:
        capacity: How many tasks ``add`` accepts; what the worker itself puts back or off is never refused.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._boxes: dict[Mailbox, _Box] = {}
        self._ready: deque[Mailbox] = deque()
        self._later: list[tuple[datetime, int, Mailbox, Task | None]] = []
        self._sequence = count()
        self._size = 0

    def __len__(self) -> int:
        """How many tasks wait, not counting those that were put off."""
        return self._size

    def at_rest(self, now: datetime) -> bool:
        """Whether nothing is due and nothing is being worked on."""
        due = bool(self._later) and self._later[0][0] <= now
        return not (due or self._ready or any(box.turn is _Turn.BUSY for box in self._boxes.values()))

    def add(self, task: Task) -> bool:
        """Note a task; False if the queue is full and the place was not already noted."""
        box = self._boxes.get(task.mailbox)
        known = box is not None and task.place in box.tasks
        if not known and self._size >= self._capacity:
            return False
        self._put(task)
        return True

    def add_later(self, task: Task, when: datetime) -> None:
        """Note a task that must not be looked at before a time."""
        heapq.heappush(self._later, (when, next(self._sequence), task.mailbox, task))

    def take(self, now: datetime) -> Task | None:
        """Return the next task, or None; its mailbox stays busy until ``done`` or ``retry``."""
        self._wake(now)
        if not self._ready:
            return None
        mailbox = self._ready.popleft()
        box = self._boxes[mailbox]
        box.turn = _Turn.BUSY
        self._size -= 1
        return box.tasks.pop(next(iter(box.tasks)))

    def done(self, mailbox: Mailbox) -> None:
        """End the task that was taken; the mailbox's next one waits for its turn."""
        box = self._boxes[mailbox]
        box.turn, box.failures = _Turn.IDLE, 0
        self._line_up(mailbox, box)

    def failures(self, mailbox: Mailbox) -> int:
        """Return how often in a row the mailbox's tasks have been put back."""
        box = self._boxes.get(mailbox)
        return box.failures if box else 0

    def retry(self, task: Task, when: datetime) -> None:
        """Put a task back and leave its whole mailbox alone until then."""
        self._put(task)
        box = self._boxes[task.mailbox]
        box.turn = _Turn.HELD
        box.failures += 1
        heapq.heappush(self._later, (when, next(self._sequence), task.mailbox, None))

    def next_time(self) -> datetime | None:
        """Return when something that was put off becomes due; None if nothing was."""
        return self._later[0][0] if self._later else None

    def _put(self, task: Task) -> None:
        box = self._boxes.setdefault(task.mailbox, _Box())
        known = box.tasks.get(task.place)
        if known is None:
            self._size += 1
        suspected = task.suspected or (known is not None and known.suspected)
        box.tasks[task.place] = replace(task, suspected=suspected)
        if box.turn is _Turn.IDLE:
            self._line_up(task.mailbox, box)

    def _line_up(self, mailbox: Mailbox, box: _Box) -> None:
        if box.tasks:
            box.turn = _Turn.READY
            self._ready.append(mailbox)
        else:
            del self._boxes[mailbox]

    def _wake(self, now: datetime) -> None:
        while self._later and self._later[0][0] <= now:
            _, _, mailbox, task = heapq.heappop(self._later)
            if task is not None:
                self._put(task)
                continue
            box = self._boxes[mailbox]
            box.turn = _Turn.IDLE
            self._line_up(mailbox, box)

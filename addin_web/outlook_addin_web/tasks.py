"""A task: one place to look at, and why somebody wants it looked at."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum, StrEnum
from typing import TypeAlias

from opentelemetry.trace import SpanContext

from outlook_addin_core.domain.mailbox import Mailbox


class Kind(StrEnum):
    """What a task looks at."""

    EVENT = "event"
    """One event, by its id, and the conversation that belongs to it."""
    CONVERSATION = "conversation"
    """One open conversation, by its id, that no event is known for."""
    MAILBOX = "mailbox"
    """All linked events of the mailbox and all of its open conversations."""
    RENEWAL = "renewal"
    """The mailbox's Graph subscription, which Graph wants renewed or made again."""


class Finding(Enum):
    """What a sweep found that nobody had notified; good for metrics."""

    CREATION = "creation"
    """A conversation does not know its event yet."""
    CHANGE = "change"
    """Topic or time differ."""
    DELETION = "deletion"
    """A conversation's event is not among the linked ones any more, or was cancelled."""
    SERIES = "series"
    """A series, whose next occurrence has to be worked out."""
    DRAFT = "draft"
    """A conversation that no event was ever saved for."""
    LINK = "link"
    """An event whose conversation is not there."""


Place: TypeAlias = tuple[Kind, str]


@dataclass(frozen=True)
class Task:
    """One place to look at.

    Args:
        subject: The event's or conversation's id, or why a renewal is asked for.
        suspected: Whether somebody said that the event is gone, so that the calendars have to be searched.
        finding: What a sweep found; None if a notification led here, and then nothing had been lost.
        correlation: Leads from the notification through our logs to the calls that it caused.
        since: When a change was notified; None if none was, as when notifications are missed.
        tries: How often it failed for a reason of its own.
        trace: The notification's place in its trace, if traces are collected.
    """

    mailbox: Mailbox
    kind: Kind
    subject: str = ""
    suspected: bool = False
    finding: Finding | None = field(default=None, compare=False)
    correlation: str = field(default="", compare=False)
    since: datetime | None = field(default=None, compare=False)
    tries: int = field(default=0, compare=False)
    trace: SpanContext | None = field(default=None, compare=False)

    @property
    def place(self) -> Place:
        """What makes two tasks of a mailbox the same task."""
        return self.kind, self.subject


def coalesced(known: Task, new: Task) -> Task:
    """Return the task that stands for both: as suspicious as either, and as old as the older one.

    What a notification has announced counts as announced, even if a sweep found it, too.
    """
    if not _says_more(new, known):
        return known
    announced = known.finding is None or new.finding is None
    return replace(
        new,
        suspected=known.suspected or new.suspected,
        finding=None if announced else new.finding,
        correlation=known.correlation or new.correlation,
        since=known.since or new.since,
        trace=known.trace or new.trace,
        tries=max(known.tries, new.tries),
    )


def _says_more(new: Task, known: Task) -> bool:
    """Tell whether a task changes what is known already; another notification about an event seldom does."""
    return (
        known.finding is not None
        or not known.correlation
        or known.since is None
        or (new.suspected and not known.suspected)
        or (new.trace is not None and known.trace is None)
        or new.tries > known.tries
    )

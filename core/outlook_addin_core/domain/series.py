"""Series: which of their occurrences a conversation belongs to.

A series has one conversation, at its next occurrence. Graph expands the series, in the time zone it was made
in, so that 10:00 stays 10:00 when clocks change; nothing is computed here from recurrence rules.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from outlook_addin_core.domain.events import Event

_END_OF_TIME = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Series:
    """What Graph shows of a series: the occurrences around now, moved ones where they are now.

    Args:
        occurrences: In any order; long enough a span to hold the next one, if there is one.
        cancelled: The ids (``occurrence_id``) of the occurrences that were cancelled.
    """

    occurrences: tuple[Event, ...] = ()
    cancelled: frozenset[str] = frozenset()


def next_occurrence(master: Event, series: Series, now: datetime, link: UUID | None = None) -> Event | None:
    """Return the occurrence that the series' conversation is for: the one going on, or the next.

    Cancelled occurrences do not count, nor do those that were scheduled by themselves: they have a
    conversation of their own.

    Args:
        master: The series.
        series: What is around now in it.
        now: The moment.
        link: That of the series' conversation, if there is one: changed occurrences may still carry it when
            the series has lost its own.
    """
    coming = [
        each
        for each in series.occurrences
        if each.start is not None
        and (each.end or each.start) > now
        and not each.is_cancelled
        and each.occurrence_id not in series.cancelled
        and (each.link == link or not _is_by_itself(each, master))
    ]
    return min(coming, key=lambda each: (each.start or _END_OF_TIME, each.id), default=None)


def by_themselves(master: Event, occurrences: Iterable[Event]) -> list[Event]:
    """Return the occurrences that carry a link of their own, not their series' one."""
    return [each for each in occurrences if _is_by_itself(each, master)]


def speaks_for_itself(event: Event, master: Event | None) -> bool:
    """Whether an event may be recorded as the one that decides about the conversation of its link.

    Args:
        event: An event with a link.
        master: The series that it is an occurrence of; None if it is none, or if the series is gone.
    """
    return event.is_organizer and (master is None or _is_by_itself(event, master))


def _is_by_itself(occurrence: Event, master: Event) -> bool:
    return occurrence.link is not None and occurrence.link != master.link

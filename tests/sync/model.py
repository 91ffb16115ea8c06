"""What must hold, worked out from the calendars alone: an independent reading of the rules, for tests."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from outlook_addin_sandbox.graph import Mailbox as Calendar
from outlook_addin_sandbox.graph import SimEvent
from outlook_addin_sandbox.unblu import Conversation
from outlook_addin_sandbox.world import Agent

EVENT_ID = "outlook-addin.event-id"
UNDER_WAY = timedelta(seconds=60)
"""Between the proof that an event is gone and the arrival of the deletion, answers may be slow."""
ABOUT_NOW = timedelta(minutes=20)
"""Whether something is over by now is not asked so exactly."""


@dataclass
class Scheduled:
    """One conversation that a pane has made, and all that its events ever said."""

    agent: Agent
    uuid: UUID
    conversation_id: str
    topics: set[str] = field(default_factory=set)
    times: set[int] = field(default_factory=set)
    gone: list[tuple[datetime, datetime | None]] = field(default_factory=list)
    """Spans in which no living event wanted the conversation."""
    was_used: bool = False

    def observe(self, wanting: list[SimEvent], calendar: Calendar, now: datetime) -> None:
        """Take note of the calendar as it is after a change."""
        for event in wanting:
            if is_public(event) and event.subject.strip():
                self.topics.add(event.subject.strip())
            self.times |= {minutes(each) for each in starts(event, calendar, now)}
        is_gone = bool(self.gone) and self.gone[-1][1] is None
        if wanting and is_gone:
            self.gone[-1] = (self.gone[-1][0], now)
        elif not wanting and not is_gone:
            self.gone.append((now, None))

    def was_gone_for(self, grace: timedelta, now: datetime) -> bool:
        """Tell whether a deletion that leaves now can rest on a proof that is not older than it may be."""
        return any(
            since + grace <= (until or now) and (until is None or now - until <= UNDER_WAY)
            for since, until in self.gone
        )


def is_public(event: SimEvent) -> bool:
    return event.sensitivity not in {"private", "confidential"}


def is_alive(event: SimEvent | None) -> bool:
    return event is not None and not event.is_deleted and not event.is_cancelled


def minutes(moment: datetime) -> int:
    """Round to the minute and write as Unblu does."""
    rounded = (moment.astimezone(UTC) + timedelta(seconds=30)).replace(second=0, microsecond=0)
    return round(rounded.timestamp() * 1000)


def starts(event: SimEvent, calendar: Calendar, now: datetime) -> list[datetime]:
    """Return the times that a conversation of this event may have: a single one, or any of a series."""
    if event.recurrence is None:
        return [event.start]
    return [event.start, *(each.start for each in occurrences(event, calendar, now))]


def occurrences(master: SimEvent, calendar: Calendar, now: datetime) -> list[SimEvent]:
    """Return what of a series goes on or is still to come, changed occurrences among it."""
    found = calendar.view(now, now + timedelta(days=400))
    of_series = [each for each in found if each.series_master_id == master.immutable_id]
    return sorted((each for each in of_series if each.end > now), key=lambda each: each.start)


def link_of(event: SimEvent, addin_id: str) -> str | None:
    """Return the link that can be read in an event's custom properties."""
    try:
        properties = json.loads(event.custom_properties.get(addin_id, ""))
        return str(UUID(properties["uuid"])) if properties["v"] == 1 else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def carriers(calendar: Calendar, addin_id: str, uuid: UUID) -> list[SimEvent]:
    """Return the living events that carry a link; what became of a series' occurrences does not count."""
    everything = (each for each in calendar.events() if each.series_master_id is None)
    return [each for each in everything if is_alive(each) and link_of(each, addin_id) == str(uuid)]


def wanting(
    calendar: Calendar, addin_id: str, uuid: UUID, conversation: Conversation | None
) -> list[SimEvent]:
    """Return the living events that want the conversation: that carry its link, or that it knows."""
    found = carriers(calendar, addin_id, uuid)
    marked = marked_event(calendar, conversation)
    return found if marked is None or not is_alive(marked) or marked in found else [*found, marked]


def marked_event(calendar: Calendar, conversation: Conversation | None) -> SimEvent | None:
    """Return the event that a conversation knows as its own."""
    marker = conversation.metadata.get(EVENT_ID) if conversation else None
    return find(calendar, marker) if marker else None


def find(calendar: Calendar, event_id: str) -> SimEvent | None:
    everything = [*calendar.events(), *calendar.deleted_events()]
    return next((each for each in everything if each.immutable_id == event_id), None)


def problems(  # noqa: PLR0911 - one return for each rule
    scheduled: Scheduled, conversation: Conversation | None, calendar: Calendar, addin_id: str, now: datetime
) -> list[str]:
    """Return, in words, what is wrong with one conversation when everything has calmed down."""
    if conversation is None or scheduled.was_used:
        return []  # what was deleted was judged when it happened, and what was used stays as it is
    carrying = carriers(calendar, addin_id, scheduled.uuid)
    marker = conversation.metadata.get(EVENT_ID)
    marked = marked_event(calendar, conversation)
    if marker is None:
        return ["the conversation does not know its event"] if carrying else []
    if marked is not None and is_alive(marked):
        if link_of(marked, addin_id) not in {None, str(scheduled.uuid)}:
            return []  # the event was scheduled again
        return _differences(scheduled, conversation, marked, calendar, now)
    if not carrying:
        return ["the event is gone, the conversation is still there"]
    if len(carrying) > 1:
        return []  # several could take its place, so that none does
    return [
        "another event has taken the place of the one that is gone, and the conversation does not know it"
    ]


def _differences(
    scheduled: Scheduled, conversation: Conversation, event: SimEvent, calendar: Calendar, now: datetime
) -> list[str]:
    topics, times = scheduled.topics, scheduled.times
    start = next_start(event, calendar, now)
    if start is not None:
        times = {minutes(start)}
        if is_public(event) and event.subject.strip():
            topics = {event.subject.strip()}
    found = []
    if (conversation.topic or "") not in topics:
        found.append(f"the topic is {conversation.topic!r} and not one of {sorted(topics)}")
    if conversation.scheduled not in times:
        found.append(f"the time is {conversation.scheduled} and not one of {sorted(times)}")
    return found


def next_start(event: SimEvent, calendar: Calendar, now: datetime) -> datetime | None:
    """Return when the event, or a series' next occurrence, begins; None if it is past, or just now."""
    each = event
    if event.recurrence is not None:
        coming = occurrences(event, calendar, now - ABOUT_NOW)
        if not coming:
            return None
        each = coming[0]
    return each.start if each.start > now + ABOUT_NOW else None

"""What must hold, worked out from the calendars alone: an independent reading of the rules, for tests.

Allowances are made only where nobody can know better, each in one place: ``UNDER_WAY`` and ``ABOUT_NOW`` for
what takes time, `Scheduled.was_gone_for` for restorations that nobody was told of, `Snapshot.carriers` and
`_unknown` for occurrences, which are in no list.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final
from uuid import UUID

from outlook_addin_sandbox.graph import Mailbox as Calendar
from outlook_addin_sandbox.graph import SimEvent
from outlook_addin_sandbox.unblu import Conversation
from outlook_addin_sandbox.world import Agent

EVENT_ID: Final = "outlook-addin.event-id"
SERIES_ID: Final = "outlook-addin.series-id"
BLOCK: Final = "outlook-addin-unblu-"
DAY: Final = timedelta(days=1)
UNDER_WAY: Final = timedelta(seconds=60)
"""Between the proof that an event is gone and the arrival of the deletion, answers may be slow."""
ABOUT_NOW: Final = timedelta(minutes=20)
"""Whether something is over by now is not asked so exactly."""

Told = Iterable[tuple[datetime, str]]


@dataclass
class Scheduled:
    """One conversation that a pane has made, and all that its events ever said."""

    agent: Agent
    uuid: UUID
    conversation_id: str
    public_link: str
    topics: set[str] = field(default_factory=set)
    times: set[int] = field(default_factory=set)
    gone: list[tuple[datetime, datetime | None]] = field(default_factory=list)
    """Spans in which no living event wanted the conversation."""
    events: set[str] = field(default_factory=set)
    """The ids of all events that ever wanted it."""
    was_used: bool = False

    def observe(self, wanting: "Wanting", calendar: "Snapshot", now: datetime) -> None:
        """Take note of the calendar as it is after a change."""
        for event in (*wanting.carriers, *wanting.marked):
            self.events.add(event.immutable_id)
            if is_public(event) and event.subject.strip():
                self.topics.add(event.subject.strip())
            self.times |= {minutes(each) for each in starts(event, calendar, now)}
        is_gone = bool(self.gone) and self.gone[-1][1] is None
        if wanting and is_gone:
            self.gone[-1] = (self.gone[-1][0], now)
        elif not wanting and not is_gone:
            self.gone.append((now, None))

    def was_gone_for(self, grace: timedelta, now: datetime, told: Told) -> bool:
        """Tell whether a deletion that leaves now can rest on a proof that is not older than it may be.

        An event that was restored and deleted again counts as gone all the time if the replica that deletes
        was not told of it: with the notification lost or at another replica, and no look in between, it
        cannot know.

        Args:
            told: When that replica took which event's notification.
        """
        spans: list[tuple[datetime, datetime | None]] = []
        for since, until in self.gone:
            before = spans[-1] if spans else None
            if before and before[1] and not self._heard(told, before[1], now - UNDER_WAY):
                spans[-1] = (before[0], until)
            else:
                spans.append((since, until))
        return any(
            since + grace <= (until or now) and (until is None or now - until <= UNDER_WAY)
            for since, until in spans
        )

    def _heard(self, told: Told, since: datetime, until: datetime) -> bool:
        return any(since <= when <= until and event in self.events for when, event in told)


@dataclass(frozen=True)
class Wanting:
    """The living events that want a conversation."""

    carriers: list[SimEvent]
    """They carry its link in their custom properties."""
    marked: list[SimEvent]
    """It knows them, and they carry no other link."""
    elsewhere: list[SimEvent]
    """It knows them, but they were scheduled again: it is left as it is."""
    leading: list[SimEvent]
    """Their text leads to it; looked for only if there are no others."""

    def __bool__(self) -> bool:
        return bool(self.carriers or self.marked or self.elsewhere or self.leading)


class Snapshot:
    """One mailbox as it is now.

    Args:
        calendar: The simulated one.
        addin_id: Whose links are read.
    """

    def __init__(self, calendar: Calendar, addin_id: str) -> None:
        self.addin_id = addin_id
        self.calendar = calendar
        living = [each for each in calendar.events() if is_alive(each)]
        self.living = {each.immutable_id: each for each in living}
        self._carriers: defaultdict[str | None, list[SimEvent]] = defaultdict(list)
        for each in living:
            self._carriers[link_of(each, addin_id)].append(each)

    def wanting(self, scheduled: Scheduled, conversation: Conversation | None) -> Wanting:
        """Return the events that want a conversation."""
        marker = conversation.metadata.get(EVENT_ID) if conversation else None
        known = [self.living[marker]] if marker in self.living else []
        marked = [each for each in known if link_of(each, self.addin_id) in {None, str(scheduled.uuid)}]
        elsewhere = [each for each in known if each not in marked]
        carriers = self.carriers(scheduled, conversation)
        found = [] if known or carriers else self.leading(scheduled, conversation)
        return Wanting(carriers, marked, elsewhere, found)

    def carriers(self, scheduled: Scheduled, conversation: Conversation | None) -> list[SimEvent]:
        """Return the events that carry its link: single ones, series, and occurrences where they count.

        Nobody lists the occurrences of all series: those of the recorded series count, and those around the
        conversation's time.
        """
        everything = self._carriers[str(scheduled.uuid)]
        found = [each for each in everything if each.series_master_id is None]
        series = {each.immutable_id for each in found}
        changed = [each for each in everything if each.series_master_id is not None]
        if changed:
            recorded = conversation.metadata.get(SERIES_ID) if conversation else None
            near = {each.immutable_id for each in self._day_of(conversation)}
            changed = [
                each for each in changed if each.series_master_id == recorded or each.immutable_id in near
            ]
        return found + [each for each in changed if each.series_master_id not in series]

    def leading(self, scheduled: Scheduled, conversation: Conversation | None) -> list[SimEvent]:
        """Return the events of its day whose text leads to it and that carry another link or none."""
        of_day = [each for each in self._day_of(conversation) if leads_to(each, scheduled)]
        return [each for each in of_day if link_of(each, self.addin_id) != str(scheduled.uuid)]

    def _day_of(self, conversation: Conversation | None) -> list[SimEvent]:
        if conversation is None or conversation.scheduled is None:
            return []
        middle = datetime.fromtimestamp(conversation.scheduled / 1000, UTC)
        return [each for each in self.calendar.view(middle - DAY, middle + DAY) if is_alive(each)]


def is_public(event: SimEvent) -> bool:
    return event.sensitivity not in {"private", "confidential"}


def is_alive(event: SimEvent | None) -> bool:
    return event is not None and not event.is_deleted and not event.is_cancelled


def minutes(moment: datetime) -> int:
    """Round to the minute and write as Unblu does."""
    rounded = (moment.astimezone(UTC) + timedelta(seconds=30)).replace(second=0, microsecond=0)
    return round(rounded.timestamp() * 1000)


def starts(event: SimEvent, calendar: Snapshot, now: datetime) -> list[datetime]:
    """Return the times that a conversation of this event may have: a single one, or any of a series."""
    if event.recurrence is None:
        return [event.start]
    return [event.start, *(each.start for each in occurrences(event, calendar.calendar, now))]


def occurrences(master: SimEvent, calendar: Calendar, now: datetime) -> list[SimEvent]:
    """Return what of a series goes on or is still to come, changed occurrences among it."""
    found = calendar.view(now, now + timedelta(days=400))
    of_series = [each for each in found if each.series_master_id == master.immutable_id]
    return sorted((each for each in of_series if each.end > now), key=lambda each: each.start)


def link_of(event: SimEvent, addin_id: str) -> str | None:
    """Return the link that can be read in an event's custom properties."""
    return _link_in(event.custom_properties.get(addin_id, ""))


@cache
def _link_in(text: str) -> str | None:
    try:
        properties = json.loads(text)
        return str(UUID(properties["uuid"])) if properties["v"] == 1 else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def leads_to(event: SimEvent, scheduled: Scheduled) -> bool:
    """Tell whether an event's text leads to a conversation."""
    text = f"{event.body_html} {event.location}"
    return f"{BLOCK}{scheduled.uuid}" in text or scheduled.public_link in text


def find(calendar: Calendar, event_id: str) -> SimEvent | None:
    everything = [*calendar.events(), *calendar.deleted_events()]
    return next((each for each in everything if each.immutable_id == event_id), None)


def problems(
    scheduled: Scheduled, conversation: Conversation | None, snapshot: Snapshot, now: datetime
) -> list[str]:
    """Return, in words, what is wrong with one conversation when everything has calmed down."""
    if conversation is None or scheduled.was_used:
        return []  # what was deleted was judged when it happened, and what was used stays as it is
    marker = conversation.metadata.get(EVENT_ID)
    carriers = snapshot.carriers(scheduled, conversation)
    if marker is None:
        return _unknown(conversation, carriers, now)
    marked = find(snapshot.calendar, marker)
    if marked is not None and not marked.is_deleted:
        if link_of(marked, snapshot.addin_id) not in {None, str(scheduled.uuid)}:
            return _differences(scheduled, conversation)  # scheduled again, perhaps cancelled then
        if is_alive(marked):
            wanted = _wanted(scheduled, marked, snapshot, now)
            return _differences(wanted, conversation)
    return _left_alone(scheduled, conversation, carriers, snapshot)


def _unknown(conversation: Conversation, carriers: list[SimEvent], now: datetime) -> list[str]:
    """Judge a conversation that knows no event; of occurrences, only those ahead are looked for."""
    ahead = (conversation.scheduled or 0) > minutes(now + ABOUT_NOW)
    known = [each for each in carriers if each.is_organizer and (each.series_master_id is None or ahead)]
    return ["the conversation does not know its event"] if known else []


def _left_alone(
    scheduled: Scheduled, conversation: Conversation, carriers: list[SimEvent], snapshot: Snapshot
) -> list[str]:
    """Judge a conversation whose event is gone."""
    leading = snapshot.leading(scheduled, conversation)
    heirs = carriers or [
        each
        for each in leading
        if each.type == "singleInstance"
        and link_of(each, snapshot.addin_id) is None
        and minutes(each.start) == conversation.scheduled
    ]
    if len(heirs) == 1 and heirs[0].is_organizer:
        return ["another event has taken the place of the one that is gone, and is not known"]
    return [] if carriers or leading else ["the event is gone, the conversation is still there"]


def _wanted(scheduled: Scheduled, event: SimEvent, snapshot: Snapshot, now: datetime) -> Scheduled:
    """Return what the event says now, and all that it ever said where that is not certain."""
    start = _next_start(event, scheduled, snapshot, now)
    if start is None:
        return scheduled
    is_told = is_public(event) and event.subject.strip()
    topics = {event.subject.strip()} if is_told else scheduled.topics
    return replace(scheduled, topics=topics, times={minutes(start)})


def _differences(wanted: Scheduled, conversation: Conversation) -> list[str]:
    found = []
    if (conversation.topic or "") not in wanted.topics:
        found.append(f"the topic is {conversation.topic!r} and not one of {sorted(wanted.topics)}")
    if conversation.scheduled not in wanted.times:
        found.append(f"the time is {conversation.scheduled} and not one of {sorted(wanted.times)}")
    return found


def _next_start(event: SimEvent, scheduled: Scheduled, snapshot: Snapshot, now: datetime) -> datetime | None:
    """Return when the event, or a series' next occurrence, begins; None if it is past, or just now.

    A series passes over the occurrences that were scheduled by themselves.
    """
    each = event
    if event.recurrence is not None:
        everything = occurrences(event, snapshot.calendar, now - ABOUT_NOW)
        shared = {None, str(scheduled.uuid), link_of(event, snapshot.addin_id)}
        coming = [one for one in everything if is_alive(one) and link_of(one, snapshot.addin_id) in shared]
        if not coming:
            return None
        each = coming[0]
    return each.start if each.start > now + ABOUT_NOW else None

"""A series and its one conversation over time: rolled forward, whatever the clocks do, until it begins."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlook_addin_core.domain.conversations import Conversation, Marker, Participant
from outlook_addin_core.domain.decisions import Action, Decision, Policy, Reason, decide
from outlook_addin_core.domain.events import Event
from outlook_addin_core.domain.links import SourceId
from outlook_addin_core.domain.mailbox import Mailbox
from outlook_addin_core.domain.series import Series, by_themselves, next_occurrence, speaks_for_itself

ZURICH = ZoneInfo("Europe/Zurich")
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)
MAILBOX = Mailbox("84bd8158-6d4d-4958-8b9f-9d6445542f95", "622eaaff-0683-4862-9de4-f2ec83c2bd98")
LINK, OWN_LINK = UUID(int=7), UUID(int=8)
POLICY = Policy(may_delete=True, grace=timedelta(minutes=5))
MASTER = Event(id="series", etag="1", subject="Review", type="seriesMaster", link=LINK)


def conversation_at(scheduled: datetime) -> Conversation:
    return Conversation(
        id="conversation",
        source_id=None,
        state="CREATED",
        topic="Review",
        scheduled=scheduled,
        assignee="agent",
        participants=(Participant("agent", "ASSIGNED_AGENT", "INVITED"),),
        marker=Marker("series", scheduled - WEEK),
    )


def weekly(first: datetime, count: int) -> list[Event]:
    """Return a series at the same local time every week, as Graph expands it: in UTC."""
    return [occurrence(number, (first + number * WEEK).astimezone(UTC)) for number in range(count)]


def occurrence(number: int, start: datetime) -> Event:
    return Event(
        id=f"occurrence-{number}",
        etag="1",
        subject="Review",
        start=start,
        end=start + HOUR,
        type="occurrence",
        link=LINK,
        series_master_id="series",
        occurrence_id=f"OID.series.{start:%Y-%m-%d}",
    )


def applied(conversation: Conversation, decision: Decision) -> Conversation:
    return replace(
        conversation,
        topic=decision.topic or conversation.topic,
        scheduled=decision.scheduled or conversation.scheduled,
    )


def swept(conversation: Conversation, occurrences: list[Event], now: datetime) -> Conversation:
    series = Series(occurrences=tuple(occurrences))
    return applied(conversation, decide(MASTER, conversation, now, POLICY, series=series))


@pytest.mark.parametrize(
    "first", [datetime(2026, 3, 19, 10, tzinfo=ZURICH), datetime(2026, 10, 15, 10, tzinfo=ZURICH)]
)
def test_ten_o_clock_stays_ten_o_clock_when_the_clocks_change(first: datetime) -> None:
    occurrences = weekly(first, 4)
    assert len({each.start.time() for each in occurrences if each.start}) == 2
    conversation = conversation_at(first.astimezone(UTC))
    for number in range(4):
        conversation = swept(conversation, occurrences, (first + number * WEEK - DAY).astimezone(UTC))
        assert conversation.scheduled is not None
        local = conversation.scheduled.astimezone(ZURICH)
        assert (local.hour, local.date()) == (10, (first + number * WEEK).date())


def test_all_day_occurrences_roll_forward_once_their_day_is_over() -> None:
    days = [datetime(2026, 10, day, tzinfo=ZURICH).astimezone(UTC) for day in (24, 25, 26)]
    ends = [*days[1:], datetime(2026, 10, 27, tzinfo=ZURICH).astimezone(UTC)]
    occurrences = [
        replace(occurrence(number, start), end=end, is_all_day=True)
        for number, (start, end) in enumerate(zip(days, ends, strict=True))
    ]
    conversation = conversation_at(days[0])
    seen = [swept(conversation, occurrences, end).scheduled for end in (days[0], days[1], days[2])]
    assert seen == days
    assert (days[2] - days[1]) == 25 * HOUR


def test_a_cancelled_occurrence_is_skipped() -> None:
    first = datetime(2026, 12, 1, 10, tzinfo=UTC)
    occurrences = weekly(first, 3)
    gone = Series(occurrences=tuple(occurrences), cancelled=frozenset({"OID.series.2026-12-01"}))
    listed = [replace(occurrences[0], is_cancelled=True), *occurrences[1:]]
    assert next_occurrence(MASTER, gone, first - DAY) == occurrences[1]
    assert next_occurrence(MASTER, Series(occurrences=tuple(listed)), first - DAY) == occurrences[1]


def test_an_occurrence_that_was_moved_counts_where_it_is_now() -> None:
    first = datetime(2026, 12, 1, 10, tzinfo=UTC)
    occurrences = weekly(first, 3)
    moved = replace(occurrences[0], start=first + 2 * DAY, end=first + 2 * DAY + HOUR, type="exception")
    conversation = swept(conversation_at(first), [moved, *occurrences[1:]], first - DAY)
    assert conversation.scheduled == first + 2 * DAY
    beyond = replace(moved, start=first + 8 * DAY, end=first + 8 * DAY + HOUR)
    assert swept(conversation, [beyond, *occurrences[1:]], first - DAY).scheduled == first + WEEK


def test_an_occurrence_that_was_scheduled_by_itself_is_left_to_its_own_conversation() -> None:
    first = datetime(2026, 12, 1, 10, tzinfo=UTC)
    occurrences = weekly(first, 2)
    own = replace(occurrences[0], type="exception", link=OWN_LINK)
    assert by_themselves(MASTER, [own, occurrences[1]]) == [own]
    assert by_themselves(replace(MASTER, link=None), [own, replace(occurrences[1], link=None)]) == [own]
    assert swept(conversation_at(first), [own, occurrences[1]], first - DAY).scheduled == first + WEEK


def test_only_an_event_that_does_not_owe_its_link_to_its_series_is_recorded() -> None:
    inherited = occurrence(0, datetime(2026, 12, 1, 10, tzinfo=UTC))
    own = replace(inherited, type="exception", link=OWN_LINK)
    assert speaks_for_itself(MASTER, None)
    assert speaks_for_itself(own, MASTER)
    assert speaks_for_itself(inherited, None)
    assert not speaks_for_itself(inherited, MASTER)
    assert not speaks_for_itself(replace(own, is_organizer=False), MASTER)


def test_a_conversation_that_has_begun_stays_with_its_occurrence() -> None:
    first = datetime(2026, 12, 1, 10, tzinfo=UTC)
    series = Series(occurrences=tuple(weekly(first, 3)))
    begun = replace(conversation_at(first), state="ACTIVE")
    during = decide(MASTER, begun, first + HOUR / 2, POLICY, series=series)
    later = decide(MASTER, begun, first + DAY, POLICY, series=series)
    assert (during.action, during.reason) == (Action.NOTHING, Reason.CONVERSATION_IN_USE)
    assert (later.action, later.reason) == (Action.REPORT, Reason.SERIES_STARTED)


def test_a_series_that_was_shortened_keeps_its_conversation_and_says_so() -> None:
    first = datetime(2026, 12, 1, 10, tzinfo=UTC)
    decision = decide(
        MASTER, conversation_at(first), first - DAY, POLICY, series=Series(), carriers=[MASTER], mentions=[]
    )
    assert (decision.action, decision.reason) == (Action.KEEP, Reason.SERIES_OVER)
    over = decide(MASTER, conversation_at(first), first + DAY, POLICY, series=Series())
    assert (over.action, over.reason) == (Action.NOTHING, Reason.SERIES_OVER)


def test_a_single_event_that_becomes_a_series_keeps_its_conversation_and_back_again() -> None:
    first = datetime(2026, 12, 1, 10, tzinfo=UTC)
    conversation = conversation_at(first)
    assert swept(conversation, weekly(first, 5), first - DAY) == conversation
    single = replace(MASTER, type="singleInstance", start=first + HOUR)
    assert decide(single, conversation, first - DAY, POLICY).scheduled == first + HOUR


def test_a_series_that_took_anothers_place_is_not_given_the_occurrences_of_the_former_one() -> None:
    first = datetime(2026, 12, 1, 10, tzinfo=UTC)
    former, heir = replace(MASTER, is_cancelled=True), replace(MASTER, id="heir")
    occurrences = Series(occurrences=tuple(weekly(first + DAY, 3)))
    decision = decide(
        former, conversation_at(first), first - DAY, POLICY, series=occurrences, carriers=[heir], mentions=[]
    )
    assert (decision.reason, decision.adopted) == (Reason.SERIES_UNREAD, "heir")


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Event], list[datetime]]:
    first = datetime(2026, 3, 1, 10, tzinfo=ZURICH)
    occurrences = weekly(first, draw(st.integers(1, 40)))
    changed = []
    for each in occurrences:
        shift = timedelta(minutes=draw(st.sampled_from([0, 0, 0, 30, -90, 3 * 24 * 60])))
        assert each.start is not None
        start = each.start + shift
        link = draw(st.sampled_from([LINK, LINK, OWN_LINK]))
        cancelled = draw(st.integers(0, 4)) == 0
        changed.append(replace(each, start=start, end=start + HOUR, link=link, is_cancelled=cancelled))
    hours = draw(st.lists(st.integers(0, 24 * 7 * 45), min_size=1, max_size=30).map(sorted))
    return draw(st.permutations(changed)), [(first - WEEK).astimezone(UTC) + hour * HOUR for hour in hours]


@given(histories())
def test_whenever_it_is_looked_at_the_conversation_is_at_the_next_occurrence_that_takes_place(
    history: tuple[list[Event], list[datetime]],
) -> None:
    occurrences, moments = history
    conversation = conversation_at(moments[0])
    taking_place = [each for each in occurrences if not each.is_cancelled and each.link == LINK]
    for now in moments:
        conversation = swept(conversation, occurrences, now)
        ahead = sorted(each.start for each in taking_place if each.start and each.start >= now)
        going_on = [each for each in taking_place if each.start and each.start < now < each.start + HOUR]
        if ahead and not going_on:
            assert conversation.scheduled == ahead[0]
        assert swept(conversation, occurrences, now) == conversation


def test_a_series_that_has_lost_its_properties_keeps_the_moved_occurrence_that_still_has_them() -> None:
    """Changed occurrences have properties of their own, which outlive those of the series."""
    first = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
    plain = [replace(each, link=None) for each in weekly(first, 3)]
    moved = replace(plain[0], start=first + HOUR, end=first + 2 * HOUR, type="exception", link=LINK)
    source = SourceId("0f0e0d0c-0b0a-4908-8706-050403020100", MAILBOX, LINK)
    conversation = replace(conversation_at(first), source_id=str(source))
    series = Series(occurrences=(moved, *plain[1:]))
    decision = decide(replace(MASTER, link=None), conversation, first - DAY, POLICY, series=series)
    assert (decision.action, decision.scheduled) == (Action.UPDATE, first + HOUR)

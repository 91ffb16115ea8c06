"""The table of the rules, one test per row, and what must hold whatever the facts are."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from outlook_addin_core.domain.conversations import Conversation, Marker, Participant
from outlook_addin_core.domain.decisions import (
    Action,
    Decision,
    Outcome,
    Policy,
    Reason,
    Series,
    decide,
    wanted_time,
)
from outlook_addin_core.domain.events import Event, Gone
from outlook_addin_core.domain.links import SourceId
from outlook_addin_core.domain.mailbox import Mailbox

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
START = NOW + timedelta(days=1)
GRACE = timedelta(minutes=5)
POLICY = Policy(may_delete=True, grace=GRACE)
LINK, OTHER_LINK = UUID(int=7), UUID(int=8)
MAILBOX = Mailbox("84bd8158-6d4d-4958-8b9f-9d6445542f95", "622eaaff-0683-4862-9de4-f2ec83c2bd98")
SOURCE = SourceId("0f0e0d0c-0b0a-4908-8706-050403020100", MAILBOX, LINK)
AGENT = Participant("agent", "ASSIGNED_AGENT", "CREATED")
VISITOR = Participant("visitor", "CONTEXT_PERSON", "ENDED")
EVENT = Event(id="event", etag="1", subject="Review", start=START, link=LINK)
COPY = replace(EVENT, id="copy")
CONVERSATION = Conversation(
    id="conversation",
    source_id="outlook:a:b:c:d",
    state="CREATED",
    topic="Review",
    scheduled=START,
    assignee="agent",
    participants=(AGENT,),
    marker=Marker("event", NOW - timedelta(days=2)),
)
GONE = Gone("the item does not exist")
STATES = ["CREATED", "ONBOARDING", "REBOARDING", "QUEUED", "ACTIVE", "UNASSIGNED", "OFFBOARDING", "ENDED"]
LONG_GONE = NOW - GRACE
SEEN_TWICE: dict[str, Any] = {"carriers": [], "mentions": [], "gone_since": LONG_GONE}
PAST_DRAFT = replace(
    CONVERSATION, marker=None, scheduled=NOW - timedelta(days=2), created=NOW - timedelta(days=90)
)


def outcome(decision: Decision) -> tuple[Action, Reason]:
    return decision.action, decision.reason


def test_an_event_without_a_link_is_none_of_our_business() -> None:
    decision = decide(replace(EVENT, link=None), None, NOW, POLICY)
    assert outcome(decision) == (Action.IGNORE, Reason.NO_LINK)


def test_the_recorded_event_stays_the_event_without_its_property() -> None:
    event = replace(EVENT, link=None, subject="Contract")
    decision = decide(event, CONVERSATION, NOW, POLICY, **SEEN_TWICE)
    assert (decision.action, decision.topic) == (Action.UPDATE, "Contract")


def test_where_event_and_conversation_agree_nothing_happens() -> None:
    assert outcome(decide(EVENT, CONVERSATION, NOW, POLICY)) == (Action.NOTHING, Reason.IN_SYNC)


def test_a_renamed_event_renames_its_conversation() -> None:
    decision = decide(replace(EVENT, subject=" Contract "), CONVERSATION, NOW, POLICY)
    assert (decision.action, decision.topic, decision.scheduled) == (Action.UPDATE, "Contract", None)


def test_a_moved_event_moves_its_conversation() -> None:
    decision = decide(replace(EVENT, start=START + timedelta(hours=1)), CONVERSATION, NOW, POLICY)
    assert (decision.action, decision.topic) == (Action.UPDATE, None)
    assert decision.scheduled == START + timedelta(hours=1)


@pytest.mark.parametrize(("seconds", "minute"), [(0, 0), (29.9, 0), (30, 1), (59, 1)])
def test_times_are_rounded_to_the_minute(seconds: float, minute: int) -> None:
    event = replace(EVENT, start=START + timedelta(seconds=seconds))
    assert wanted_time(event) == START + timedelta(minutes=minute)


@pytest.mark.parametrize("subject", ["", "  "])
def test_without_a_subject_the_last_topic_stays(subject: str) -> None:
    decision = decide(replace(EVENT, subject=subject), CONVERSATION, NOW, POLICY)
    assert outcome(decision) == (Action.NOTHING, Reason.IN_SYNC)


@pytest.mark.parametrize("sensitivity", ["private", "confidential"])
def test_a_private_event_moves_but_never_renames(sensitivity: str) -> None:
    event = replace(EVENT, sensitivity=sensitivity, subject="Secret", start=START + timedelta(hours=1))
    decision = decide(event, CONVERSATION, NOW, POLICY)
    assert (decision.action, decision.topic) == (Action.UPDATE, None)


def test_an_event_in_the_past_changes_nothing() -> None:
    decision = decide(
        replace(EVENT, subject="New", start=NOW - timedelta(minutes=1)), CONVERSATION, NOW, POLICY
    )
    assert outcome(decision) == (Action.NOTHING, Reason.STARTED)


@pytest.mark.parametrize("state", STATES[1:6])
def test_a_conversation_that_has_begun_is_not_changed(state: str) -> None:
    decision = decide(replace(EVENT, subject="New"), replace(CONVERSATION, state=state), NOW, POLICY)
    assert outcome(decision) == (Action.NOTHING, Reason.CONVERSATION_IN_USE)


@pytest.mark.parametrize("state", STATES[6:])
def test_an_ended_conversation_is_reported_and_never_made_again(state: str) -> None:
    decision = decide(EVENT, replace(CONVERSATION, state=state), NOW, POLICY)
    assert outcome(decision) == (Action.REPORT, Reason.CONVERSATION_OVER)


def test_a_missing_conversation_is_reported_and_never_made_again() -> None:
    assert outcome(decide(EVENT, None, NOW, POLICY)) == (Action.REPORT, Reason.CONVERSATION_MISSING)
    assert decide(GONE, None, NOW, POLICY).action is Action.NOTHING


def test_a_copy_does_not_decide() -> None:
    decision = decide(replace(COPY, subject="New"), CONVERSATION, NOW, POLICY)
    assert outcome(decision) == (Action.REPORT, Reason.COPY)


def test_the_conversation_of_an_event_that_was_never_saved_stays() -> None:
    draft = replace(CONVERSATION, marker=None)
    for event in (None, GONE):
        decision = decide(event, draft, NOW, POLICY, **SEEN_TWICE)
        assert outcome(decision) == (Action.KEEP, Reason.NEVER_SAVED)


@pytest.mark.parametrize(
    "event", [GONE, replace(EVENT, is_cancelled=True), EVENT], ids=["gone", "cancelled", "unfiled"]
)
class TestDeletion:
    """An event is gone, cancelled, or still shown by Graph although it lies in no calendar."""

    def test_waits_for_the_grace_period_at_first_sight(self, event: Event | Gone) -> None:
        decision = decide(event, CONVERSATION, NOW, POLICY, carriers=[], mentions=[])
        assert outcome(decision) == (Action.WAIT, Reason.GRACE_PERIOD)
        assert decision.not_before == NOW + GRACE

    def test_waits_until_the_grace_period_is_over(self, event: Event | Gone) -> None:
        since = NOW - GRACE + timedelta(seconds=1)
        decision = decide(event, CONVERSATION, NOW, POLICY, **SEEN_TWICE | {"gone_since": since})
        assert decision.not_before == since + GRACE
        assert decision.action is Action.WAIT

    def test_happens_when_the_same_is_seen_after_the_grace_period(self, event: Event | Gone) -> None:
        decision = decide(event, CONVERSATION, NOW, POLICY, **SEEN_TWICE)
        assert decision.action is Action.DELETE

    def test_does_not_happen_while_another_event_carries_the_link(self, event: Event | Gone) -> None:
        moved = replace(COPY, start=START + timedelta(hours=2))
        decision = decide(event, CONVERSATION, NOW, POLICY, **SEEN_TWICE | {"carriers": [moved]})
        assert (decision.action, decision.adopted) == (Action.UPDATE, "copy")

    def test_does_not_happen_while_several_events_carry_the_link(self, event: Event | Gone) -> None:
        carriers = [COPY, replace(COPY, id="other")]
        decision = decide(event, CONVERSATION, NOW, POLICY, **SEEN_TWICE | {"carriers": carriers})
        assert outcome(decision) == (Action.REPORT, Reason.AMBIGUOUS)

    @pytest.mark.parametrize("state", STATES[1:6])
    def test_spares_a_conversation_that_was_used(self, event: Event | Gone, state: str) -> None:
        used = replace(CONVERSATION, state=state)
        decision = decide(event, used, NOW, POLICY, **SEEN_TWICE)
        assert outcome(decision) == (Action.KEEP, Reason.CONVERSATION_IN_USE)

    def test_spares_a_conversation_that_somebody_else_was_in(self, event: Event | Gone) -> None:
        shared = replace(CONVERSATION, participants=(AGENT, VISITOR))
        decision = decide(event, shared, NOW, POLICY, **SEEN_TWICE)
        assert outcome(decision) == (Action.KEEP, Reason.NOT_ALONE)

    def test_needs_the_role(self, event: Event | Gone) -> None:
        policy = replace(POLICY, may_delete=False)
        decision = decide(event, CONVERSATION, NOW, policy, **SEEN_TWICE)
        assert outcome(decision) == (Action.KEEP, Reason.ROLE)


@pytest.mark.parametrize("missing", ["carriers", "mentions"])
@pytest.mark.parametrize("event", [GONE, replace(EVENT, is_cancelled=True)], ids=["gone", "cancelled"])
def test_without_a_search_of_properties_and_texts_nothing_is_proven(
    event: Event | Gone, missing: str
) -> None:
    decision = decide(event, CONVERSATION, NOW, POLICY, **SEEN_TWICE | {missing: None})
    assert outcome(decision) == (Action.KEEP, Reason.UNPROVEN)


def test_a_cancelled_event_deletes_even_when_it_has_lost_its_link() -> None:
    event = replace(EVENT, is_cancelled=True, link=None)
    decision = decide(event, CONVERSATION, NOW, POLICY, **SEEN_TWICE)
    assert outcome(decision) == (Action.DELETE, Reason.CANCELLED)


def test_an_event_in_the_past_can_still_be_deleted() -> None:
    past = replace(CONVERSATION, scheduled=NOW - timedelta(days=1))
    assert decide(GONE, past, NOW, POLICY, **SEEN_TWICE).action is Action.DELETE


def test_an_event_that_nobody_has_read_is_not_taken_for_one_that_was_never_saved() -> None:
    policy = replace(POLICY, draft_grace=timedelta())
    recorded = replace(PAST_DRAFT, marker=CONVERSATION.marker)
    assert outcome(decide(None, recorded, NOW, policy, **SEEN_TWICE)) == (Action.KEEP, Reason.UNPROVEN)


def test_an_event_restored_within_the_grace_period_is_as_if_nothing_had_happened() -> None:
    assert (
        decide(EVENT, CONVERSATION, NOW, POLICY, carriers=[EVENT], mentions=[], gone_since=LONG_GONE).action
        is Action.NOTHING
    )


def test_no_subject_shows_where_values_are_logged() -> None:
    event = replace(EVENT, subject="Contract")
    decision = decide(event, CONVERSATION, NOW, POLICY)
    assert decision.topic == "Contract"
    shown = f"{event!r} {decision!r} {replace(CONVERSATION, topic='Contract')!r}"
    assert "Contract" not in shown


moments = st.sampled_from(
    [timedelta(days=-60), timedelta(days=-1), -GRACE, timedelta(), timedelta(seconds=31), timedelta(days=1)]
).map(lambda shift: NOW + shift)
links = st.sampled_from([None, LINK, LINK, OTHER_LINK])
events = st.builds(
    Event,
    id=st.sampled_from(["event", "copy", "third"]),
    etag=st.just("1"),
    subject=st.sampled_from(["", "Review", "Contract"]),
    start=st.one_of(st.none(), moments),
    end=st.one_of(st.none(), moments),
    is_all_day=st.booleans(),
    is_cancelled=st.booleans(),
    is_organizer=st.sampled_from([True, True, True, False]),
    sensitivity=st.sampled_from(["normal", "personal", "private", "confidential"]),
    type=st.sampled_from(["singleInstance", "seriesMaster", "occurrence", "exception", "from the future"]),
    series_master_id=st.sampled_from([None, None, "event", "series"]),
    occurrence_id=st.sampled_from([None, "OID"]),
    link=links,
)
conversations = st.builds(
    Conversation,
    id=st.just("conversation"),
    source_id=st.sampled_from([None, "outlook:a:b:c:d", str(SOURCE), str(SOURCE)]),
    state=st.sampled_from(["CREATED", "CREATED", *STATES, "FROM THE FUTURE"]),
    topic=st.sampled_from(["", "Review"]),
    scheduled=st.one_of(st.none(), moments),
    assignee=st.sampled_from([None, "agent", "agent"]),
    participants=st.sampled_from([(), (AGENT,), (AGENT,), (AGENT, VISITOR), (VISITOR,)]),
    marker=st.sampled_from([None, CONVERSATION.marker, Marker("event", NOW, "series")]),
    created=st.one_of(st.none(), moments),
    public_link=st.none(),
)
policies = st.builds(
    Policy,
    may_delete=st.sampled_from([True, True, False]),
    grace=st.sampled_from([GRACE, timedelta()]),
    draft_grace=st.sampled_from([None, timedelta(), timedelta(days=30)]),
)
found: st.SearchStrategy[list[Event] | None] = st.one_of(st.none(), st.just([]), st.lists(events, max_size=3))
anything = st.fixed_dictionaries(
    {
        "event": st.one_of(st.none(), st.just(GONE), events),
        "conversation": st.one_of(st.none(), conversations, conversations, conversations),
        "now": st.just(NOW),
        "policy": policies,
        "carriers": found,
        "mentions": found,
        "series": st.one_of(
            st.none(),
            st.builds(
                Series,
                occurrences=st.lists(events, max_size=3).map(tuple),
                cancelled=st.sampled_from([frozenset(), frozenset({"OID"})]),
            ),
        ),
        "gone_since": st.one_of(st.none(), moments),
    }
)


@st.composite
def almost_deletions(draw: st.DrawFn) -> dict[str, Any]:
    """Facts that would delete a conversation, were it not for one or two of them."""
    event = draw(st.sampled_from([GONE, EVENT, replace(EVENT, is_cancelled=True), None]))
    conversation = PAST_DRAFT if event is None else CONVERSATION
    known = {"event": event, "conversation": conversation, "now": NOW, "series": None}
    known |= {"policy": replace(POLICY, draft_grace=timedelta(days=30))} | SEEN_TWICE
    other = draw(anything)
    changed = draw(st.lists(st.sampled_from(sorted(other)), max_size=2))
    return known | {name: other[name] for name in changed}


facts = st.one_of(anything, almost_deletions())


def is_proven_gone(known: dict[str, Any]) -> bool:
    event, conversation = known["event"], known["conversation"]
    if known["carriers"] is None or known["mentions"] is None:
        return False
    if known["gone_since"] is None or known["now"] < known["gone_since"] + known["policy"].grace:
        return False
    if event == GONE and conversation.marker is not None:
        return True
    if isinstance(event, Event):
        shown = {each.id for each in [*known["carriers"], *known["mentions"]]}
        unlisted = event.link is not None and event.series_master_id is None and event.id not in shown
        return event.is_organizer and (event.is_cancelled or unlisted)
    return is_expired_draft(known)


def is_expired_draft(known: dict[str, Any]) -> bool:
    conversation, keep = known["conversation"], known["policy"].draft_grace
    if conversation.marker is not None or None in {keep, conversation.created, conversation.scheduled}:
        return False
    old_enough = known["now"] >= conversation.created + keep
    return bool(old_enough and known["now"] >= conversation.scheduled + timedelta(hours=24))


def leads_somewhere(known: dict[str, Any]) -> bool:
    """Whether any living event was found that leads to the conversation."""
    living = [each for each in known["carriers"] if not each.is_cancelled]
    mentioning = [each for each in known["mentions"] if not each.is_cancelled]
    link = known["conversation"].link
    return bool(mentioning) or any(each.link is not None and link in {None, each.link} for each in living)


@settings(max_examples=10 * settings().max_examples)
@given(facts)
@example({"event": GONE, "conversation": CONVERSATION, "now": NOW, "policy": POLICY} | SEEN_TWICE)
@example(
    {"event": None, "conversation": PAST_DRAFT, "now": NOW, "policy": replace(POLICY, draft_grace=GRACE)}
    | SEEN_TWICE
)
def test_nothing_is_ever_deleted_without_every_part_of_the_proof(known: dict[str, Any]) -> None:
    decision = decide(**known)
    if decision.action is not Action.DELETE:
        return
    conversation = known["conversation"]
    assert conversation is not None
    assert conversation.state == "CREATED"
    assert conversation.participants == (AGENT,)
    assert conversation.assignee == "agent"
    assert known["policy"].may_delete
    assert is_proven_gone(known)
    assert not leads_somewhere(known)


@given(facts)
def test_everything_has_a_decision_and_every_decision_is_one_of_the_known_ones(known: dict[str, Any]) -> None:
    decision = decide(**known)
    assert (decision.action, decision.reason, decision.message) in {outcome.value for outcome in Outcome}


@given(facts)
def test_a_decision_carries_exactly_what_its_action_needs(known: dict[str, Any]) -> None:
    decision = decide(**known)
    assert (decision.not_before is not None) == (decision.action is Action.WAIT)
    assert (decision.topic is not None or decision.scheduled is not None) == (
        decision.action is Action.UPDATE
    )
    if decision.scheduled is not None:
        assert (decision.scheduled.second, decision.scheduled.microsecond) == (0, 0)


@given(facts)
def test_an_update_that_was_applied_is_not_decided_again(known: dict[str, Any]) -> None:
    decision = decide(**known)
    if decision.action is not Action.UPDATE:
        return
    after: dict[str, Any] = {"conversation": applied(known["conversation"], decision)}
    if decision.adopted is not None:
        after["event"] = heir(known, decision.adopted)
    assert outcome(decide(**known | after)) == (Action.NOTHING, Reason.IN_SYNC)


def heir(known: dict[str, Any], event_id: str) -> Event:
    """Return the event that has taken an absent one's place; whoever looks again reads it."""
    everything: list[Event] = [*(known["carriers"] or ()), *(known["mentions"] or ())]
    assume(len({each.id for each in everything}) == len(everything))
    return next(each for each in everything if each.id == event_id)


def applied(conversation: Conversation, decision: Decision) -> Conversation:
    """Return the conversation after everything that the caller does about a decision."""
    adopted = decision.adopted
    return replace(
        conversation,
        topic=decision.topic or conversation.topic,
        scheduled=decision.scheduled or conversation.scheduled,
        marker=Marker(adopted, NOW) if adopted else conversation.marker,
    )


@given(facts)
def test_an_event_that_took_anothers_place_keeps_it(known: dict[str, Any]) -> None:
    decision = decide(**known)
    if decision.adopted is None:
        return
    after = applied(known["conversation"], decision)
    again = decide(**known | {"event": heir(known, decision.adopted), "conversation": after})
    assert again.action is not Action.DELETE
    assert again.adopted is None


@given(facts, st.randoms(use_true_random=False))
def test_the_order_in_which_things_were_found_does_not_matter(known: dict[str, Any], random: Random) -> None:
    shuffled = dict(known)
    for name in ("carriers", "mentions"):
        each_once = list({each.id: each for each in known[name] or ()}.values())
        shuffled[name] = known[name] and random.sample(each_once, len(each_once))
        known = known | {name: known[name] and each_once}
    if known["series"] is not None:
        each_once = list({each.id: each for each in known["series"].occurrences}.values())
        mixed = tuple(random.sample(each_once, len(each_once)))
        shuffled["series"] = replace(known["series"], occurrences=mixed)
        known = known | {"series": replace(known["series"], occurrences=tuple(each_once))}
    if {each.id for each in known["carriers"] or ()} & {each.id for each in known["mentions"] or ()}:
        return
    assert decide(**shuffled) == decide(**known)


@given(facts)
def test_a_private_subject_never_leaves_the_calendar(known: dict[str, Any]) -> None:
    everything = [known["event"], *(known["carriers"] or []), *(known["mentions"] or [])]
    if all(not isinstance(each, Event) or each.is_private for each in everything):
        assert decide(**known).topic is None


@given(facts)
def test_an_event_that_others_organise_changes_and_deletes_nothing(known: dict[str, Any]) -> None:
    if isinstance(known["event"], Event) and not known["event"].is_organizer:
        decision = decide(**known)
        assert decision.action in {Action.IGNORE, Action.REPORT} or decision.adopted is not None


@given(facts)
def test_a_conversation_is_never_moved_into_the_past_nor_to_a_cancelled_occurrence(
    known: dict[str, Any],
) -> None:
    decision = decide(**known)
    if decision.scheduled is None:
        return
    assert decision.scheduled >= NOW
    event, series = known["event"], known["series"]
    if decision.adopted is None and isinstance(event, Event) and event.is_series:
        places = [each for each in series.occurrences if wanted_time(each) == decision.scheduled]
        assert any(not each.is_cancelled and each.occurrence_id not in series.cancelled for each in places)

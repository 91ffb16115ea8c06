"""The table of the rules, one test per row, and what must hold whatever the facts are."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from outlook_addin_core.domain.conversations import Conversation, Marker, Participant
from outlook_addin_core.domain.decisions import Action, Decision, Policy, Reason, decide, wanted_time
from outlook_addin_core.domain.events import Event, Gone

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
START = NOW + timedelta(days=1)
GRACE = timedelta(minutes=5)
POLICY = Policy(may_delete=True, grace=GRACE)
LINK = UUID(int=7)
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


def outcome(decision: Decision) -> tuple[Action, Reason]:
    return decision.action, decision.reason


def test_an_event_without_a_link_is_none_of_our_business() -> None:
    decision = decide(replace(EVENT, link=None), None, NOW, POLICY)
    assert outcome(decision) == (Action.IGNORE, Reason.NO_LINK)


def test_the_recorded_event_stays_the_event_without_its_property() -> None:
    event = replace(EVENT, link=None, subject="Contract")
    decision = decide(event, CONVERSATION, NOW, POLICY, carriers=[], gone_since=LONG_GONE)
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
        decision = decide(event, draft, NOW, POLICY, carriers=[], gone_since=LONG_GONE)
        assert outcome(decision) == (Action.KEEP, Reason.NEVER_SAVED)


@pytest.mark.parametrize(
    "event", [GONE, replace(EVENT, is_cancelled=True), EVENT], ids=["gone", "cancelled", "unfiled"]
)
class TestDeletion:
    """An event is gone, cancelled, or still shown by Graph although it lies in no calendar."""

    def test_waits_for_the_grace_period_at_first_sight(self, event: Event | Gone) -> None:
        decision = decide(event, CONVERSATION, NOW, POLICY, carriers=[])
        assert outcome(decision) == (Action.WAIT, Reason.GRACE_PERIOD)
        assert decision.not_before == NOW + GRACE

    def test_waits_until_the_grace_period_is_over(self, event: Event | Gone) -> None:
        since = NOW - GRACE + timedelta(seconds=1)
        decision = decide(event, CONVERSATION, NOW, POLICY, carriers=[], gone_since=since)
        assert decision.not_before == since + GRACE
        assert decision.action is Action.WAIT

    def test_happens_when_the_same_is_seen_after_the_grace_period(self, event: Event | Gone) -> None:
        decision = decide(event, CONVERSATION, NOW, POLICY, carriers=[], gone_since=LONG_GONE)
        assert decision.action is Action.DELETE

    def test_does_not_happen_while_another_event_carries_the_link(self, event: Event | Gone) -> None:
        moved = replace(COPY, start=START + timedelta(hours=2))
        decision = decide(event, CONVERSATION, NOW, POLICY, carriers=[moved], gone_since=LONG_GONE)
        assert (decision.action, decision.adopted) == (Action.UPDATE, "copy")

    def test_does_not_happen_while_several_events_carry_the_link(self, event: Event | Gone) -> None:
        carriers = [COPY, replace(COPY, id="other")]
        decision = decide(event, CONVERSATION, NOW, POLICY, carriers=carriers, gone_since=LONG_GONE)
        assert outcome(decision) == (Action.REPORT, Reason.AMBIGUOUS)

    @pytest.mark.parametrize("state", STATES[1:6])
    def test_spares_a_conversation_that_was_used(self, event: Event | Gone, state: str) -> None:
        used = replace(CONVERSATION, state=state)
        decision = decide(event, used, NOW, POLICY, carriers=[], gone_since=LONG_GONE)
        assert outcome(decision) == (Action.KEEP, Reason.CONVERSATION_IN_USE)

    def test_spares_a_conversation_that_somebody_else_was_in(self, event: Event | Gone) -> None:
        shared = replace(CONVERSATION, participants=(AGENT, VISITOR))
        decision = decide(event, shared, NOW, POLICY, carriers=[], gone_since=LONG_GONE)
        assert outcome(decision) == (Action.KEEP, Reason.NOT_ALONE)

    def test_needs_the_role(self, event: Event | Gone) -> None:
        policy = replace(POLICY, may_delete=False)
        decision = decide(event, CONVERSATION, NOW, policy, carriers=[], gone_since=LONG_GONE)
        assert outcome(decision) == (Action.KEEP, Reason.ROLE)


@pytest.mark.parametrize("event", [GONE, replace(EVENT, is_cancelled=True)], ids=["gone", "cancelled"])
def test_without_a_search_of_the_calendars_nothing_is_proven(event: Event | Gone) -> None:
    decision = decide(event, CONVERSATION, NOW, POLICY, gone_since=LONG_GONE)
    assert outcome(decision) == (Action.KEEP, Reason.UNPROVEN)


def test_a_cancelled_event_deletes_even_when_it_has_lost_its_link() -> None:
    event = replace(EVENT, is_cancelled=True, link=None)
    decision = decide(event, CONVERSATION, NOW, POLICY, carriers=[], gone_since=LONG_GONE)
    assert outcome(decision) == (Action.DELETE, Reason.CANCELLED)


def test_an_event_in_the_past_can_still_be_deleted() -> None:
    past = replace(CONVERSATION, scheduled=NOW - timedelta(days=1))
    assert decide(GONE, past, NOW, POLICY, carriers=[], gone_since=LONG_GONE).action is Action.DELETE


def test_an_event_restored_within_the_grace_period_is_as_if_nothing_had_happened() -> None:
    assert (
        decide(EVENT, CONVERSATION, NOW, POLICY, carriers=[EVENT], gone_since=LONG_GONE).action
        is Action.NOTHING
    )


def test_no_subject_shows_where_values_are_logged() -> None:
    event = replace(EVENT, subject="Contract")
    decision = decide(event, CONVERSATION, NOW, POLICY)
    assert decision.topic == "Contract"
    shown = f"{event!r} {decision!r} {replace(CONVERSATION, topic='Contract')!r}"
    assert "Contract" not in shown


moments = st.sampled_from(
    [timedelta(days=-1), -GRACE, timedelta(), timedelta(seconds=31), timedelta(days=1)]
).map(lambda shift: NOW + shift)
events = st.builds(
    Event,
    id=st.sampled_from(["event", "copy"]),
    etag=st.just("1"),
    subject=st.sampled_from(["", "Review", "Contract"]),
    start=st.one_of(st.none(), moments),
    is_all_day=st.booleans(),
    is_cancelled=st.booleans(),
    sensitivity=st.sampled_from(["normal", "personal", "private", "confidential"]),
    type=st.sampled_from(["singleInstance", "seriesMaster", "occurrence", "exception"]),
    link=st.sampled_from([None, LINK]),
)
conversations = st.builds(
    Conversation,
    id=st.just("conversation"),
    source_id=st.just("outlook:a:b:c:d"),
    state=st.sampled_from(STATES),
    topic=st.sampled_from(["", "Review"]),
    scheduled=st.one_of(st.none(), moments),
    assignee=st.sampled_from([None, "agent"]),
    participants=st.sampled_from([(), (AGENT,), (AGENT, VISITOR), (VISITOR,)]),
    marker=st.sampled_from([None, CONVERSATION.marker]),
)
facts = st.fixed_dictionaries(
    {
        "event": st.one_of(st.none(), st.just(GONE), events),
        "conversation": st.one_of(st.none(), conversations),
        "now": st.just(NOW),
        "policy": st.builds(Policy, may_delete=st.booleans(), grace=st.sampled_from([GRACE, timedelta()])),
        "carriers": st.one_of(
            st.none(), st.lists(events.map(lambda each: replace(each, link=LINK)), max_size=3)
        ),
        "gone_since": st.one_of(st.none(), moments),
    }
)


def is_proven_gone(known: dict[str, Any]) -> bool:
    event, carriers = known["event"], known["carriers"]
    if carriers is None or any(not each.is_cancelled for each in carriers):
        return False
    seen_twice = (
        known["gone_since"] is not None and known["now"] >= known["gone_since"] + known["policy"].grace
    )
    if isinstance(event, Event) and not event.is_cancelled:
        return seen_twice and event.id not in [each.id for each in carriers]
    return seen_twice and event is not None


@given(facts)
@example(
    {
        "event": GONE,
        "conversation": CONVERSATION,
        "now": NOW,
        "policy": POLICY,
        "carriers": [],
        "gone_since": LONG_GONE,
    }
)
def test_nothing_is_ever_deleted_without_every_part_of_the_proof(known: dict[str, Any]) -> None:
    decision = decide(**known)
    if decision.action is not Action.DELETE:
        return
    conversation = known["conversation"]
    assert conversation is not None
    assert conversation.state == "CREATED"
    assert conversation.participants == (AGENT,)
    assert known["policy"].may_delete
    assert is_proven_gone(known)


@given(facts)
def test_a_decision_carries_exactly_what_its_action_needs(known: dict[str, Any]) -> None:
    decision = decide(**known)
    assert (decision.not_before is not None) == (decision.action is Action.WAIT)
    assert (decision.topic is not None or decision.scheduled is not None) == (
        decision.action is Action.UPDATE
    )
    assert decision.message
    if decision.scheduled is not None:
        assert (decision.scheduled.second, decision.scheduled.microsecond) == (0, 0)


@given(facts)
def test_an_update_that_was_applied_is_not_decided_again(known: dict[str, Any]) -> None:
    decision = decide(**known)
    if decision.action is not Action.UPDATE:
        return
    before = known["conversation"]
    after = replace(
        before, topic=decision.topic or before.topic, scheduled=decision.scheduled or before.scheduled
    )
    again = decide(**known | {"conversation": after})
    assert outcome(again) == (Action.NOTHING, Reason.IN_SYNC)


@given(facts)
def test_a_private_subject_never_leaves_the_calendar(known: dict[str, Any]) -> None:
    everything = [known["event"], *(known["carriers"] or [])]
    if all(not isinstance(each, Event) or each.is_private for each in everything):
        assert decide(**known).topic is None

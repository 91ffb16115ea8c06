from datetime import timedelta
from functools import partial
from math import isnan
from typing import Any

import pytest

from outlook_addin_core.clients.errors import Rejected, Throttled
from outlook_addin_core.domain.conversations import Marker, Participant
from outlook_addin_core.domain.links import SourceId
from outlook_addin_web.dirty_queue import STORM
from outlook_addin_web.tasks import Kind, Task
from web.fakes import ANNA, BEN, GRACE, START, TOMORROW, Bench, FakePerson, uuid

HOUR = timedelta(hours=1)


async def scheduled(bench: Bench) -> None:
    """Anna has scheduled a conversation for her event, and the event has been seen."""
    bench.unblu.put(ANNA, 1)
    bench.outlook.put(ANNA, "event")
    await bench.notified("event")


async def test_first_sight_of_a_linked_event_is_noted_in_the_conversation(bench: Bench) -> None:
    await scheduled(bench)
    assert bench.conversation.marker == Marker("event", START)


async def test_a_renamed_and_moved_event_renames_and_moves_its_conversation(bench: Bench) -> None:
    await scheduled(bench)
    bench.outlook.put(ANNA, "event", subject="Mortgage", start=TOMORROW + HOUR)
    await bench.notified("event")
    assert (bench.conversation.topic, bench.conversation.scheduled) == ("Mortgage", TOMORROW + HOUR)


async def test_a_subject_that_unblu_rejects_does_not_keep_the_conversation_from_moving(bench: Bench) -> None:
    await scheduled(bench)
    bench.outlook.put(ANNA, "event", subject="Mortgage", start=TOMORROW + HOUR)
    bench.unblu.rejected = "Mortgage"
    with pytest.raises(Rejected):
        await bench.notified("event")
    assert (bench.conversation.topic, bench.conversation.scheduled) == ("Portfolio review", TOMORROW + HOUR)


async def test_an_event_that_changes_while_it_is_worked_on_is_decided_about_again(bench: Bench) -> None:
    await scheduled(bench)
    bench.outlook.put(ANNA, "event", subject="First")
    reads = iter([lambda: bench.outlook.put(ANNA, "event", subject="Second")])
    bench.outlook.after_read = lambda _: None if (change := next(reads, None)) is None else void(change())
    await bench.notified("event")
    assert bench.conversation.topic == "Second"


def void(_: object) -> None:
    """Take a value and return nothing."""


async def test_a_deleted_event_deletes_its_conversation_after_the_grace_period(bench: Bench) -> None:
    await scheduled(bench)
    bench.outlook.remove(ANNA, "event")
    await bench.notified("event", deleted=True)
    await bench.passed(GRACE - timedelta(seconds=1))
    assert "conversation-1" in bench.unblu.conversations
    await bench.passed(timedelta(seconds=1))
    assert bench.unblu.conversations == {}


async def test_a_slow_answer_during_the_first_look_does_not_spoil_the_second(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scheduled(bench)
    bench.outlook.remove(ANNA, "event")
    bench.clock.advance(HOUR)

    async def answers_slowly() -> FakePerson:
        bench.clock.advance(timedelta(seconds=2))
        return FakePerson(is_admin=True)

    monkeypatch.setattr(bench.unblu, "current_person", answers_slowly)
    await bench.notified("event", deleted=True)
    for _ in range(GRACE // timedelta(seconds=1)):
        await bench.passed(timedelta(seconds=1))
    assert bench.unblu.conversations == {}


async def test_a_cancelled_event_deletes_its_conversation_after_the_grace_period(bench: Bench) -> None:
    await scheduled(bench)
    bench.outlook.put(ANNA, "event", is_cancelled=True)
    await bench.notified("event")
    await bench.passed(GRACE)
    assert bench.unblu.conversations == {}


async def test_a_soft_deleted_event_that_graph_still_shows_counts_as_gone(bench: Bench) -> None:
    await scheduled(bench)
    bench.outlook.unlisted.add("event")
    await bench.notified("event", deleted=True)
    await bench.passed(GRACE)
    assert bench.unblu.conversations == {}


async def test_an_event_restored_within_the_grace_period_keeps_its_conversation(bench: Bench) -> None:
    await scheduled(bench)
    bench.outlook.remove(ANNA, "event")
    await bench.notified("event", deleted=True)
    bench.outlook.put(ANNA, "event")
    await bench.passed(GRACE)
    assert "conversation-1" in bench.unblu.conversations


async def test_the_grace_period_begins_anew_after_a_restoration(bench: Bench) -> None:
    await scheduled(bench)
    bench.outlook.remove(ANNA, "event")
    await bench.notified("event", deleted=True)
    bench.clock.advance(GRACE / 2)
    bench.outlook.put(ANNA, "event")
    await bench.notified("event")
    bench.outlook.remove(ANNA, "event")
    await bench.notified("event", deleted=True)
    await bench.passed(GRACE / 2)
    assert "conversation-1" in bench.unblu.conversations
    await bench.passed(GRACE / 2)
    assert bench.unblu.conversations == {}


async def test_a_second_deletion_has_its_own_grace_period_though_nobody_saw_the_restoration(
    bench: Bench,
) -> None:
    await scheduled(bench)
    bench.outlook.remove(ANNA, "event")
    await bench.notified("event", deleted=True)
    bench.clock.advance(GRACE - timedelta(seconds=1))
    await bench.notified("event", deleted=True)
    await bench.passed(GRACE - timedelta(seconds=1))
    assert "conversation-1" in bench.unblu.conversations
    await bench.passed(timedelta(seconds=1))
    assert bench.unblu.conversations == {}


async def test_a_look_that_was_held_up_for_another_grace_period_is_a_first_look(bench: Bench) -> None:
    await scheduled(bench)
    bench.outlook.remove(ANNA, "event")
    await bench.notified("event", deleted=True)
    await bench.passed(GRACE * 3)
    assert "conversation-1" in bench.unblu.conversations
    await bench.passed(GRACE)
    assert bench.unblu.conversations == {}


async def test_a_conversation_that_a_guest_joined_in_the_meantime_is_kept(bench: Bench) -> None:
    await scheduled(bench)
    bench.outlook.remove(ANNA, "event")
    await bench.notified("event", deleted=True)
    guest = Participant("guest", "CONTEXT_PERSON", "ACTIVE")
    bench.unblu.before_read = lambda: void(
        bench.unblu.put(ANNA, 1, participants=(*bench.conversation.participants, guest))
    )
    await bench.passed(GRACE)
    assert "conversation-1" in bench.unblu.conversations
    assert bench.decided("keep", "NotAlone") == 1


async def test_an_event_that_is_restored_while_the_calendars_are_searched_keeps_its_conversation(
    bench: Bench,
) -> None:
    await scheduled(bench)
    bench.outlook.remove(ANNA, "event")
    await bench.notified("event", deleted=True)
    bench.outlook.after_search = lambda: void(bench.outlook.put(ANNA, "event"))
    await bench.passed(GRACE)
    assert "conversation-1" in bench.unblu.conversations


async def test_a_conversation_that_was_given_to_another_event_in_the_meantime_is_kept(bench: Bench) -> None:
    """Another replica has seen the heir, after this one has searched the calendars."""
    await scheduled(bench)
    bench.outlook.remove(ANNA, "event")
    await bench.notified("event", deleted=True)

    def inherited() -> None:
        bench.outlook.put(ANNA, "heir")
        bench.unblu.put(ANNA, 1, marker=Marker("heir", START))

    bench.unblu.before_read = inherited
    await bench.passed(GRACE)
    await bench.passed(3 * GRACE)
    assert bench.conversation.marker == Marker("heir", START)


@pytest.mark.parametrize(
    "change", [{"marker": Marker("heir", START)}, {"topic": "Renamed"}, {"scheduled": TOMORROW + HOUR}]
)
async def test_what_another_replica_has_changed_shows_that_the_event_was_not_gone_all_the_time(
    bench: Bench, change: dict[str, Any]
) -> None:
    await scheduled(bench)
    bench.outlook.remove(ANNA, "event")
    await bench.notified("event", deleted=True)
    bench.clock.advance(GRACE - timedelta(seconds=1))
    bench.unblu.put(ANNA, 1, **change)
    await bench.passed(timedelta(seconds=1))
    assert "conversation-1" in bench.unblu.conversations
    await bench.passed(GRACE)
    assert bench.unblu.conversations == {}


async def test_a_mailbox_where_much_is_deleted_still_loses_the_conversations_of_deleted_events(
    bench: Bench,
) -> None:
    await scheduled(bench)
    bench.outlook.remove(ANNA, "event")
    await bench.notified("event", deleted=True)
    for number in range(10):
        await bench.passed(GRACE / 10)
        await bench.notified(f"lunch-{number}", deleted=True)
    assert bench.unblu.conversations == {}


async def test_an_unknown_deleted_id_has_the_open_conversations_of_the_mailbox_looked_at(
    bench: Bench,
) -> None:
    await scheduled(bench)
    bench.outlook.remove(ANNA, "event")
    await bench.notified("another id of the same event", deleted=True)
    await bench.passed(GRACE)
    assert bench.unblu.conversations == {}


async def test_a_deleted_event_that_nobody_linked_changes_nothing(bench: Bench) -> None:
    await scheduled(bench)
    await bench.notified("unrelated", deleted=True)
    await bench.passed(GRACE * 2)
    assert "conversation-1" in bench.unblu.conversations


async def test_a_conversation_of_an_event_that_was_never_saved_stays(bench: Bench) -> None:
    bench.unblu.put(ANNA, 1)
    await bench.notified("unrelated", deleted=True)
    await bench.passed(GRACE * 2)
    assert "conversation-1" in bench.unblu.conversations


async def test_without_the_role_admin_an_event_still_moves_its_conversation(bench: Bench) -> None:
    bench.unblu.admin = False
    await scheduled(bench)
    bench.outlook.put(ANNA, "event", start=TOMORROW + HOUR)
    await bench.notified("event")
    assert bench.conversation.scheduled == TOMORROW + HOUR
    assert bench.conversation.marker is None


async def test_without_the_role_admin_nothing_is_deleted(bench: Bench) -> None:
    bench.unblu.admin = False
    bench.unblu.put(ANNA, 1, marker=Marker("event", START))
    role = partial(bench.metrics.registry.get_sample_value, "outlook_addin_unblu_role_sufficient")
    assert isnan(role() or 0)
    await bench.notified("event", deleted=True)
    await bench.passed(GRACE)
    assert "conversation-1" in bench.unblu.conversations
    assert bench.decided("keep", "InsufficientRole") >= 1
    assert role() == 0


async def test_a_role_that_is_granted_later_counts_within_minutes(bench: Bench) -> None:
    bench.unblu.admin = False
    bench.unblu.put(ANNA, 1, marker=Marker("event", START))
    await bench.notified("event", deleted=True)
    bench.unblu.admin = True
    bench.clock.advance(timedelta(minutes=10))
    await bench.notified("event", deleted=True)
    await bench.passed(GRACE)
    assert bench.unblu.conversations == {}


async def test_a_copy_of_the_event_does_not_move_the_conversation(bench: Bench) -> None:
    await scheduled(bench)
    bench.outlook.put(ANNA, "copy", subject="Copy", start=TOMORROW + HOUR)
    await bench.notified("copy")
    assert (bench.conversation.topic, bench.conversation.scheduled) == ("Portfolio review", TOMORROW)
    assert bench.decided("report", "CopiedEvent") == 1


async def test_a_copy_takes_the_place_of_the_event_that_is_gone(bench: Bench) -> None:
    await scheduled(bench)
    bench.outlook.put(ANNA, "copy", start=TOMORROW + HOUR)
    bench.outlook.remove(ANNA, "event")
    await bench.notified("event", deleted=True)
    await bench.passed(GRACE)
    assert bench.conversation.scheduled == TOMORROW + HOUR
    assert bench.conversation.marker == Marker("copy", START)


async def test_an_event_that_lost_its_properties_is_followed_by_its_own_notification(bench: Bench) -> None:
    await scheduled(bench)
    bench.outlook.put(ANNA, "event", link=None, subject="Mortgage", start=TOMORROW + HOUR)
    await bench.notified("event")
    assert (bench.conversation.topic, bench.conversation.scheduled) == ("Mortgage", TOMORROW + HOUR)
    bench.outlook.put(ANNA, "event", is_cancelled=True)
    await bench.notified("event")
    await bench.passed(GRACE)
    assert bench.unblu.conversations == {}


async def test_a_process_that_was_restarted_recognises_such_an_event_after_one_listing(bench: Bench) -> None:
    await scheduled(bench)
    bench.outlook.put(ANNA, "event", link=None, subject="Mortgage")
    bench.restart()
    await bench.notified("event")
    assert bench.conversation.topic == "Portfolio review"
    await bench.lists_everything()
    await bench.notified("event")
    assert bench.conversation.topic == "Mortgage"


async def test_events_that_nobody_linked_are_not_searched_for_in_unblu(bench: Bench) -> None:
    await scheduled(bench)
    await bench.lists_everything()
    before = bench.unblu.searches
    for number in range(20):
        bench.outlook.put(ANNA, f"lunch-{number}", link=None, subject="Lunch")
        await bench.notified(f"lunch-{number}")
    assert bench.unblu.searches == before


async def test_a_link_in_another_mailbox_reaches_no_conversation(bench: Bench) -> None:
    await scheduled(bench)
    bench.outlook.put(BEN, "forged", subject="Mine now")
    await bench.notified("forged", mailbox=BEN)
    assert bench.conversation.topic == "Portfolio review"
    assert bench.decided("report", "ConversationMissing") == 1


async def test_conversations_of_another_add_in_are_not_touched(bench: Bench) -> None:
    foreign = SourceId("55555555-5555-4555-8555-555555555555", ANNA, uuid(1))
    bench.unblu.put(ANNA, 1, source_id=str(foreign), marker=Marker("event", START))
    await bench.notified("event", deleted=True)
    await bench.passed(GRACE)
    assert "conversation-1" in bench.unblu.conversations


async def test_a_throttled_read_is_never_proof(bench: Bench) -> None:
    await scheduled(bench)
    bench.outlook.remove(ANNA, "event")
    bench.outlook.failure = Throttled("HTTP 429", operation="fake")
    with pytest.raises(Throttled):
        await bench.notified("event", deleted=True)
    assert "conversation-1" in bench.unblu.conversations


async def test_missed_notifications_are_made_up_for_by_looking_at_all_conversations(bench: Bench) -> None:
    await scheduled(bench)
    bench.outlook.put(ANNA, "event", subject="Renamed in silence")
    bench.queue.add(Task(ANNA, Kind.MAILBOX))
    await bench.settle()
    assert bench.conversation.topic == "Renamed in silence"


async def test_a_renewal_is_handed_to_the_operator_and_followed_by_a_look(bench: Bench) -> None:
    await scheduled(bench)
    await bench.kubernetes.create(ANNA, None)
    bench.queue.add(Task(ANNA, Kind.RENEWAL, "subscriptionRemoved-now"))
    await bench.settle()
    bench.outlook.put(ANNA, "event", subject="Renamed without notification")
    await bench.passed(timedelta(minutes=5))
    assert bench.kubernetes.renewals == {ANNA: "subscriptionRemoved-now"}
    assert bench.conversation.topic == "Renamed without notification"


async def test_what_a_storm_of_notifications_announced_is_no_repair_and_keeps_its_age(bench: Bench) -> None:
    await scheduled(bench)
    bench.outlook.put(ANNA, "event", subject="Mortgage")
    for number in range(STORM + 1):
        bench.queue.add(Task(ANNA, Kind.EVENT, f"event-{number}", since=START))
    bench.clock.advance(HOUR)
    storm = bench.queue.take(bench.clock.now())
    assert storm is not None
    assert (storm.kind, storm.since) == (Kind.MAILBOX, START)
    await bench.synchroniser.carry_out(storm)
    bench.queue.done(ANNA)
    change = bench.queue.take(bench.clock.now())
    assert change == Task(ANNA, Kind.EVENT, "event")
    assert (change.since, change.finding) == (START, None)
    await bench.synchroniser.carry_out(change)
    assert bench.conversation.topic == "Mortgage"
    assert bench.repaired("change") == 0


async def test_a_deletion_that_a_storm_hides_waits_for_one_grace_period_only(bench: Bench) -> None:
    await scheduled(bench)
    bench.outlook.remove(ANNA, "event")
    await bench.notified("event", deleted=True)
    bench.clock.advance(GRACE / 2)
    bench.queue.add(Task(ANNA, Kind.MAILBOX, since=bench.clock.now()))
    await bench.settle()
    await bench.passed(GRACE / 2)
    assert bench.unblu.conversations == {}
    assert bench.repaired("deletion") == 0

"""What users of other products complain about, and what some of those products lack."""

from datetime import timedelta
from typing import Any

import pytest

from outlook_addin_sandbox.graph import MailboxState, Recurrence
from sync.model import EVENT_ID, minutes
from sync.stage import GRACE, HOUR, MINUTE, Stage
from sync.test_peers import scheduled, silence, tomorrow
from sync.virtual import run

WEEKLY = Recurrence("weekly", count=4)


def test_three_notifications_of_one_edit_are_one_write() -> None:
    async def play() -> tuple[str | None, int, float]:
        async with Stage.open() as stage:
            event, conversation = await scheduled(stage)
            stage.world.graph.faults.apply({"duplicates": 2, "batch_size": 1})
            stage.calendar(stage.agents[0]).update_event(event.immutable_id, subject="Renamed")
            await stage.wait(MINUTE)
            taken = {"kind": "change", "outcome": "accepted"}
            told = stage.replicas[0].metrics.registry.get_sample_value(
                "outlook_addin_notifications_total", taken
            )
            return conversation.topic, stage.writes["unblu setTopic"], told or 0.0

    assert run(play()) == ("Renamed", 1, 4.0)


def test_a_single_event_that_becomes_a_series_keeps_its_one_conversation() -> None:
    async def play() -> tuple[Any, ...]:
        async with Stage.open() as stage:
            event, conversation = await scheduled(stage, time_zone="Europe/Zurich")
            calendar = stage.calendar(stage.agents[0])
            calendar.update_event(event.immutable_id, recurrence=WEEKLY)
            await stage.wait(10)
            first, second, *_ = calendar.view(stage.clock.now(), stage.clock.now() + timedelta(days=60))
            at_first = conversation.scheduled == minutes(first.start)
            calendar.delete_event(first.immutable_id)
            await stage.wait(10)
            await stage.sweep()
            at_second = conversation.scheduled == minutes(second.start)
            return at_first, at_second, len(stage.conversations)

    assert run(play()) == (True, True, 1)


def test_a_series_that_becomes_a_single_event_keeps_its_one_conversation() -> None:
    async def play() -> tuple[Any, ...]:
        async with Stage.open() as stage:
            event, conversation = await scheduled(stage, recurrence=WEEKLY)
            later = tomorrow(stage) + timedelta(days=2)
            calendar = stage.calendar(stage.agents[0])
            calendar.update_event(event.immutable_id, recurrence=None, start=later, end=later + HOUR)
            await stage.wait(10)
            await stage.sweep()
            await stage.wait(2 * GRACE)
            return conversation.scheduled == minutes(later), list(stage.conversations) == [conversation.id]

    assert run(play()) == (True, True)


def test_a_series_that_is_shifted_moves_its_one_conversation() -> None:
    async def play() -> tuple[Any, ...]:
        async with Stage.open() as stage:
            event, conversation = await scheduled(stage, recurrence=WEEKLY)
            later = tomorrow(stage) + timedelta(days=1)
            calendar = stage.calendar(stage.agents[0])
            calendar.update_event(event.immutable_id, start=later, end=later + HOUR)
            await stage.wait(10)
            await stage.sweep()
            await stage.wait(2 * GRACE)
            return conversation.scheduled == minutes(later), list(stage.conversations) == [conversation.id]

    assert run(play()) == (True, True)


@pytest.mark.parametrize("quiet", [False, True], ids=["told", "found by the sweep"])
def test_an_event_that_is_deleted_and_made_anew_elsewhere_keeps_its_conversation(*, quiet: bool) -> None:
    async def play() -> tuple[Any, ...]:
        async with Stage.open() as stage:
            event, conversation = await scheduled(stage)
            if quiet:
                silence(stage)
            calendar, start = stage.calendar(stage.agents[0]), tomorrow(stage) + HOUR
            calendar.purge_event(event.immutable_id)
            await stage.wait(MINUTE)
            anew = calendar.create_event(
                "Review again", start, start + HOUR, custom_properties=event.custom_properties
            )
            await stage.wait(2 * GRACE)
            await stage.sweep()
            await stage.wait(2 * GRACE)
            is_known = conversation.metadata[EVENT_ID] == anew.immutable_id
            return (
                conversation.topic,
                conversation.scheduled == minutes(start),
                is_known,
                len(stage.conversations),
            )

    assert run(play()) == ("Review again", True, True, 1)


def test_a_conversation_that_somebody_has_joined_outlives_its_event() -> None:
    async def play() -> int:
        async with Stage.open() as stage:
            event, conversation = await scheduled(stage)
            stage.world.unblu.join(conversation.id)
            stage.calendar(stage.agents[0]).delete_event(event.immutable_id)
            await stage.wait(2 * GRACE)
            await stage.sweep()
            await stage.wait(2 * GRACE)
            return len(stage.conversations)

    assert run(play()) == 1


@pytest.mark.parametrize(
    ("state", "reason"),
    [(MailboxState.NOT_ENABLED, "MailboxNotFound"), (MailboxState.DENIED, "GraphDenied")],
)
def test_a_mailbox_that_cannot_be_read_is_said_to_be_so_and_only_that_one(
    state: MailboxState, reason: str
) -> None:
    async def play() -> tuple[Any, ...]:
        async with Stage.open() as stage:
            anna, ben, *_ = stage.agents
            await scheduled(stage, 1, anna)
            event, conversation = await scheduled(stage, 2, ben)
            stage.calendar(anna).state = state
            stage.calendar(ben).update_event(event.immutable_id, subject="Renamed")
            await stage.sweep()
            await stage.wait(20 * MINUTE)
            shown = [stage.cluster.verdicts[stage.mailbox(each)] for each in (anna, ben)]
            stage.calendar(anna).state = MailboxState.ACTIVE
            await stage.sweep()
            again = stage.cluster.verdicts[stage.mailbox(anna)]
            return shown[0].reason, shown[1].synchronized, conversation.topic, again.synchronized

    assert run(play()) == (reason, True, "Renamed", True)

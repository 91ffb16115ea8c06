"""Meetings of several agents: each has a copy, and only the organiser's decides about the conversation."""

from typing import Any
from uuid import UUID

import pytest

from outlook_addin_sandbox.graph import Attendee, Recurrence, SimEvent
from outlook_addin_sandbox.unblu import Conversation
from sync.model import EVENT_ID, minutes
from sync.stage import GRACE, HOUR, MINUTE, Stage
from sync.test_peers import scheduled, tomorrow
from sync.virtual import run

COPIES = [
    pytest.param({}, id="copies have the text"),
    pytest.param({"copies_custom_properties": True}, id="copies have the add-in's properties, too"),
    pytest.param({"copies_body": False}, id="copies have neither"),
    pytest.param({"cancelled_copy_stays": False}, id="cancelled copies go"),
]


async def invited(
    stage: Stage, switches: dict[str, Any], **fields: Any
) -> tuple[SimEvent, SimEvent, Conversation]:
    """Have Anna schedule a conversation and invite Ben: the original, the copy, the conversation."""
    stage.world.graph.faults.apply(switches)
    anna, ben, *_ = stage.agents
    event, conversation = await scheduled(stage, 1, anna, **fields)
    link = f'<a href="{stage.world.unblu.public_link(conversation.id)}">Join</a>'
    calendar = stage.calendar(anna)
    calendar.update_event(event.immutable_id, body_html=link, attendees=(Attendee(ben.address),))
    await stage.wait(MINUTE)
    [copied] = stage.calendar(ben).events()
    return event, copied, conversation


@pytest.mark.parametrize("switches", COPIES)
def test_a_meeting_in_two_calendars_is_one_conversation_that_follows_its_organiser(
    switches: dict[str, Any],
) -> None:
    async def play() -> tuple[Any, ...]:
        async with Stage.open() as stage:
            event, copied, conversation = await invited(stage, switches)
            later = tomorrow(stage) + 3 * HOUR
            calendar, ben = stage.calendar(stage.agents[0]), stage.calendar(stage.agents[1])
            calendar.update_event(event.immutable_id, subject="Renamed", start=later, end=later + HOUR)
            await stage.wait(MINUTE)
            await stage.sweep()
            assert ben.get(copied.immutable_id).subject == "Renamed"
            is_the_original = conversation.metadata[EVENT_ID] == event.immutable_id
            moved = conversation.scheduled == minutes(later)
            writes = stage.writes["unblu setTopic"]
            return conversation.topic, moved, is_the_original, len(stage.conversations), writes

    assert run(play()) == ("Renamed", True, True, 1, 1)


@pytest.mark.parametrize("switches", COPIES)
def test_what_an_attendee_does_with_the_copy_is_no_concern_of_the_conversation(
    switches: dict[str, Any],
) -> None:
    async def play() -> tuple[Any, ...]:
        async with Stage.open() as stage:
            _, copied, conversation = await invited(stage, switches)
            before, ben = conversation.scheduled, stage.calendar(stage.agents[1])
            later = tomorrow(stage) + 5 * HOUR
            ben.update_event(copied.immutable_id, subject="Boring", start=later, end=later + HOUR)
            await stage.wait(MINUTE)
            ben.delete_event(copied.immutable_id)
            await stage.wait(2 * GRACE)
            await stage.sweep()
            await stage.wait(2 * GRACE)
            return conversation.topic, conversation.scheduled == before, len(stage.conversations)

    assert run(play()) == ("Review", True, 1)


@pytest.mark.parametrize("switches", COPIES)
@pytest.mark.parametrize("how", ["cancel", "delete_event"])
def test_what_the_organiser_cancels_is_deleted_although_cancelled_copies_stay(
    switches: dict[str, Any], how: str
) -> None:
    async def play() -> tuple[Any, ...]:
        async with Stage.open() as stage:
            event, _, _ = await invited(stage, switches)
            getattr(stage.calendar(stage.agents[0]), how)(event.immutable_id)
            left = [each.is_cancelled for each in stage.calendar(stage.agents[1]).events()]
            await stage.wait(GRACE - MINUTE)
            kept = len(stage.conversations)
            await stage.wait(2 * MINUTE)
            return left, kept, len(stage.conversations)

    stays = switches.get("cancelled_copy_stays", True)
    assert run(play()) == ([True] if stays else [], 1, 0)


def test_an_attendees_own_conversation_is_neither_renamed_nor_deleted_by_the_organiser() -> None:
    async def play() -> tuple[Any, ...]:
        async with Stage.open() as stage:
            event, copied, _ = await invited(stage, {})
            anna, ben, *_ = stage.agents
            uuid = UUID(int=2, version=4)
            own = await stage.pane_creates(ben, uuid, "Ben's", tomorrow(stage))
            link = stage.link(uuid)[stage.config.addin_id]
            stage.calendar(ben).set_custom_properties(copied.immutable_id, stage.config.addin_id, link)
            stage.calendar(anna).update_event(event.immutable_id, subject="Renamed")
            await stage.wait(MINUTE)
            stage.calendar(anna).cancel(event.immutable_id)
            await stage.wait(2 * GRACE)
            await stage.sweep()
            await stage.wait(2 * GRACE)
            return own.topic, list(stage.conversations) == [own.id]

    assert run(play()) == ("Ben's", True)


def test_the_conversation_of_a_series_goes_on_when_attendees_lose_an_occurrence() -> None:
    async def play() -> list[bool]:
        async with Stage.open() as stage:
            _, copied, conversation = await invited(
                stage, {}, recurrence=Recurrence("weekly", count=4), time_zone="Europe/Zurich"
            )
            now, end = stage.clock.now(), stage.clock.now() + 60 * 24 * HOUR
            calendar, ben = stage.calendar(stage.agents[0]), stage.calendar(stage.agents[1])
            first, second, *_ = calendar.view(now, end)
            ben.delete_event(ben.view(now, end)[0].immutable_id)
            await stage.wait(2 * GRACE)
            stayed = conversation.scheduled == minutes(first.start)
            calendar.delete_event(first.immutable_id)
            await stage.wait(2 * GRACE)
            moved = conversation.scheduled == minutes(second.start)
            shown = [each.series_master_id == copied.immutable_id for each in ben.view(now, end)]
            return [stayed, moved, shown == [True] * 3, len(stage.conversations) == 1]

    assert run(play()) == [True] * 4

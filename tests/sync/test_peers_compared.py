"""What other products do well or badly, row by row of the comparison, and how it is here."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from outlook_addin_sandbox.graph import Calendar, Recurrence
from outlook_addin_sandbox.serving import Fault
from sync.model import minutes
from sync.stage import GRACE, HOUR, MINUTE, Stage
from sync.test_peers import deliver, notification, scheduled, silence
from sync.virtual import run


def test_one_bad_item_hurts_none_of_the_many_in_a_delivery() -> None:
    async def play() -> tuple[int, list[str | None]]:
        async with Stage.open() as stage:
            silence(stage)
            made = [await scheduled(stage, number, agent) for number, agent in enumerate(stage.agents, 1)]
            for (event, _), agent in zip(made, stage.agents, strict=True):
                stage.calendar(agent).update_event(event.immutable_id, subject="Renamed")
            items = [
                notification(stage, agent, event.immutable_id)
                for (event, _), agent in zip(made, stage.agents, strict=True)
            ]
            forged = {**items[0], "clientState": "forged"}
            answer = await deliver(stage, forged, {"nonsense": 1}, *items, {**items[1], "tenantId": "other"})
            await stage.wait(10)
            return answer.status, [conversation.topic for _, conversation in made]

    assert run(play()) == (202, ["Renamed"] * 4)


def test_a_storm_of_notifications_about_one_event_is_a_handful_of_reads() -> None:
    async def play() -> int:
        async with Stage.open() as stage:
            event, _ = await scheduled(stage)
            before = stage.world.graph.requests.total()
            item = notification(stage, stage.agents[0], event.immutable_id)
            for _ in range(200):
                await deliver(stage, *[item] * 20)
            await stage.wait(MINUTE)
            return stage.world.graph.requests.total() - before

    assert run(play()) < 20


def test_of_two_changes_that_two_replicas_work_on_the_later_one_wins() -> None:
    async def play() -> str | None:
        async with Stage.open(replicas=2) as stage:
            event, conversation = await scheduled(stage)
            calendar, anna = stage.calendar(stage.agents[0]), stage.agents[0]
            stage.world.unblu.faults.rules.append(Fault("POST */setTopic", status=0, delay=5.0, times=1))
            calendar.update_event(event.immutable_id, subject="First")
            await stage.wait(1)
            calendar.update_event(event.immutable_id, subject="Second")
            await deliver(stage, notification(stage, anna, event.immutable_id))
            await stage.wait(MINUTE)
            return conversation.topic

    assert run(play()) == "Second"


def test_the_series_conversation_is_at_its_next_occurrence() -> None:
    async def play() -> list[bool]:
        async with Stage.open() as stage:
            event, conversation = await scheduled(
                stage, recurrence=Recurrence("weekly", count=4), time_zone="Europe/Zurich"
            )
            calendar = stage.calendar(stage.agents[0])
            at_first = conversation.scheduled == minutes(event.start)
            first, second, *_ = calendar.view(stage.clock.now(), stage.clock.now() + timedelta(days=60))
            calendar.delete_event(first.immutable_id)
            await stage.wait(10)
            skipped = conversation.scheduled == minutes(second.start)
            later = second.start + 3 * HOUR
            calendar.update_event(second.immutable_id, start=later, end=later + HOUR)
            await stage.wait(10)
            return [at_first, skipped, conversation.scheduled == minutes(later)]

    assert run(play()) == [True, True, True]


def test_ten_in_zurich_stays_ten_in_zurich_when_the_clocks_change() -> None:
    async def play() -> list[int]:
        async with Stage.open() as stage:
            event, conversation = await scheduled(
                stage, recurrence=Recurrence("weekly", count=4), time_zone="Europe/Zurich"
            )
            soon = stage.clock.now() + HOUR
            stage.calendar(stage.agents[0]).update_event(event.immutable_id, start=soon, end=soon + HOUR)
            await stage.wait(10)
            before = conversation.scheduled or 0
            await stage.wait(3 * HOUR)
            await stage.sweep()
            return [before, conversation.scheduled or 0]

    before, after = run(play())
    assert after - before == (7 * 24 - 1) * 3_600_000


def test_an_all_day_event_is_at_midnight_where_it_was_made() -> None:
    async def play() -> str:
        async with Stage.open() as stage:
            event, conversation = await scheduled(stage, time_zone="Europe/Zurich")
            day = datetime(2027, 3, 30, tzinfo=event.zone)
            stage.calendar(stage.agents[0]).update_event(
                event.immutable_id, start=day, end=day + timedelta(days=1), is_all_day=True
            )
            await stage.wait(5)
            moment = datetime.fromtimestamp((conversation.scheduled or 0) / 1000, event.zone)
            return moment.isoformat()

    assert run(play()) == "2027-03-30T00:00:00+02:00"


def test_an_event_in_a_second_calendar_is_followed_although_nothing_is_told_of_it() -> None:
    async def play() -> list[Any]:
        async with Stage.open() as stage:
            calendar = stage.calendar(stage.agents[0])
            second = calendar.add_calendar("Second")
            event, conversation = await scheduled(stage, calendar_id=second.id)
            calendar.update_event(event.immutable_id, subject="Renamed")
            await stage.wait(MINUTE)
            found = [conversation.topic]
            await stage.wait(16 * MINUTE)
            found.append(conversation.topic)
            calendar.delete_event(event.immutable_id)
            await stage.wait(16 * MINUTE + GRACE)
            return [*found, len(stage.conversations)]

    assert run(play()) == ["Review", "Renamed", 0]


def test_a_colleagues_calendar_that_is_closed_to_us_keeps_nothing_from_being_followed() -> None:
    async def play() -> tuple[str | None, int]:
        async with Stage.open() as stage:
            calendar = stage.calendar(stage.agents[0])
            shared = Calendar("shared", "Ben's", owner=stage.agents[1].address)
            calendar.calendars[shared.id] = shared
            closed = Fault("GET /v1.0/users/*/calendars/shared/*", 403, "ErrorAccessDenied", "closed")
            stage.world.graph.faults.rules.append(closed)
            event, conversation = await scheduled(stage)
            calendar.update_event(event.immutable_id, subject="Renamed")
            await stage.wait(MINUTE)
            calendar.delete_event(event.immutable_id)
            await stage.wait(GRACE + MINUTE)
            return conversation.topic, len(stage.conversations)

    assert run(play()) == ("Renamed", 0)


def test_a_move_to_another_calendar_is_no_deletion() -> None:
    async def play() -> int:
        async with Stage.open() as stage:
            event, _ = await scheduled(stage)
            calendar = stage.calendar(stage.agents[0])
            calendar.move(event.immutable_id, calendar.add_calendar("Second").id)
            await stage.wait(GRACE + MINUTE)
            await stage.sweep()
            await stage.wait(GRACE + MINUTE)
            return len(stage.conversations)

    assert run(play()) == 1


def test_a_cancelled_meeting_that_stays_in_the_calendar_deletes_its_conversation() -> None:
    async def play() -> int:
        async with Stage.open() as stage:
            event, _ = await scheduled(stage)
            stage.calendar(stage.agents[0]).update_event(event.immutable_id, is_cancelled=True)
            await stage.wait(GRACE + MINUTE)
            return len(stage.conversations)

    assert run(play()) == 0


def test_a_throttled_mailbox_is_left_alone_as_long_as_graph_asks() -> None:
    async def play() -> tuple[int, str | None]:
        async with Stage.open() as stage:
            event, conversation = await scheduled(stage)
            fault = Fault(
                "GET /v1.0/users/*", 429, "ApplicationThrottled", "MailboxConcurrency", retry_after=60
            )
            stage.world.graph.faults.rules.append(fault)
            before = stage.world.graph.requests.total()
            stage.calendar(stage.agents[0]).update_event(event.immutable_id, subject="Renamed")
            await stage.wait(50)
            asked = stage.world.graph.requests.total() - before
            stage.world.graph.faults.rules.clear()
            await stage.wait(3 * MINUTE)
            return asked, conversation.topic

    asked, topic = run(play())
    assert (asked <= 2, topic) == (True, "Renamed")


def test_a_killed_process_loses_nothing_that_it_had_acknowledged() -> None:
    async def play() -> str | None:
        async with Stage.open() as stage:
            event, conversation = await scheduled(stage)
            stage.replicas[0].kill_after = 0
            stage.calendar(stage.agents[0]).update_event(event.immutable_id, subject="Renamed")
            await stage.wait(5)
            assert stage.replicas[0].is_dead
            await stage.add_replica()
            await stage.wait(2 * MINUTE)
            return conversation.topic

    assert run(play()) == "Renamed"


def test_an_unsubscribed_secret_of_one_tenant_forges_nothing_in_another() -> None:
    async def play() -> tuple[int, str | None]:
        async with Stage.open() as stage:
            silence(stage)
            event, conversation = await scheduled(stage)
            stage.calendar(stage.agents[0]).update_event(event.immutable_id, subject="Renamed")
            dora = stage.agents[-1]
            theirs = notification(stage, dora, event.immutable_id)
            answer = await deliver(stage, theirs, {**theirs, "tenantId": stage.agents[0].tenant_id})
            await stage.wait(MINUTE)
            return answer.status, conversation.topic

    assert run(play()) == (202, "Review")


def test_nothing_that_is_logged_names_a_subject_or_an_address(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="outlook_addin_web")

    async def play() -> None:
        async with Stage.open() as stage:
            event, _ = await scheduled(stage)
            stage.calendar(stage.agents[0]).update_event(event.immutable_id, subject="Very private matters")
            await stage.wait(5)
            stage.world.graph.faults.rules.append(
                Fault(message="anna.keller@bank.example is unwell", times=3)
            )
            stage.calendar(stage.agents[0]).delete_event(event.immutable_id)
            await stage.wait(GRACE + MINUTE)

    run(play())
    everything = " ".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    assert "private matters" not in everything
    assert "bank.example" not in everything


def test_an_outage_at_start_does_not_keep_the_process_from_working_later() -> None:
    async def play() -> str | None:
        async with Stage.open(replicas=0) as stage:
            stage.world.unblu.faults.outage = True
            stage.cluster.is_down = True
            await stage.add_replica()
            await stage.wait(10 * MINUTE)
            stage.mend()
            _, conversation = await scheduled(stage)
            await asyncio.sleep(600)
            return conversation.metadata.get("outlook-addin.event-id")

    assert run(play())

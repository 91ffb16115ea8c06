"""What went wrong in other products' calendar synchronisation does not go wrong here, one test for each."""

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from outlook_addin_core.domain.client_state import issue
from outlook_addin_sandbox.graph import Recurrence, SimEvent
from outlook_addin_sandbox.serving import Fault
from outlook_addin_sandbox.unblu import Conversation
from outlook_addin_sandbox.world import Agent
from sync.model import minutes
from sync.stage import GRACE, HOUR, KEY, MINUTE, Stage
from sync.virtual import run
from sync.wire import Answer, call

SECONDS = 3.0
"""What Graph waits for an answer."""


async def scheduled(
    stage: Stage, number: int = 1, agent: Agent | None = None, **fields: Any
) -> tuple[SimEvent, Conversation]:
    """Schedule a conversation from an event of tomorrow, and let it be seen."""
    owner = agent or stage.agents[0]
    uuid, start = UUID(int=number, version=4), tomorrow(stage)
    conversation = await stage.pane_creates(owner, uuid, "Review", start)
    event = stage.calendar(owner).create_event(
        "Review", start, start + HOUR, custom_properties=stage.link(uuid), **fields
    )
    await stage.wait(5)
    return event, conversation


def tomorrow(stage: Stage) -> datetime:
    return stage.clock.now().replace(minute=0) + timedelta(days=1)


async def deliver(stage: Stage, *items: dict[str, Any]) -> Answer:
    """Post a delivery as Graph does."""
    app = stage.pick()
    assert app is not None
    body = json.dumps({"value": list(items)}).encode()
    return await call(app, "POST", "/addin/graph/notifications", {}, body)


def notification(stage: Stage, agent: Agent, event_id: str, **changes: Any) -> dict[str, Any]:
    mailbox = stage.mailbox(agent)
    item = {
        "subscriptionId": "subscription",
        "tenantId": mailbox.tenant_id,
        "clientState": issue(KEY, mailbox),
        "changeType": "updated",
        "resourceData": {"id": event_id},
    }
    return {**item, **changes}


def silence(stage: Stage) -> None:
    stage.world.graph.faults.endpoint_state = "drop"


# The defects, in the order of the collection


def test_a_removed_event_never_becomes_a_confirmed_one_of_now() -> None:
    async def play() -> tuple[str | None, bool]:
        async with Stage.open() as stage:
            event, conversation = await scheduled(stage)
            stage.calendar(stage.agents[0]).delete_event(event.immutable_id)
            await stage.wait(MINUTE)
            kept = conversation.scheduled == minutes(tomorrow(stage))
            await stage.wait(GRACE)
            return next(iter(stage.conversations), None), kept

    assert run(play()) == (None, True)


def test_every_page_of_a_long_list_is_read() -> None:
    async def play() -> int:
        async with Stage.open() as stage:
            silence(stage)
            pairs = [await scheduled(stage, number) for number in range(1, 121)]
            calendar = stage.calendar(stage.agents[0])
            for event, _ in pairs:
                calendar.update_event(event.immutable_id, subject="Renamed in silence")
            await stage.sweep()
            await stage.wait(10 * MINUTE)
            return sum(conversation.topic == "Renamed in silence" for _, conversation in pairs)

    assert run(play()) == 120


def test_the_repair_repairs_something() -> None:
    async def play() -> tuple[str | None, float]:
        async with Stage.open() as stage:
            event, conversation = await scheduled(stage)
            silence(stage)
            stage.calendar(stage.agents[0]).update_event(event.immutable_id, subject="Renamed in silence")
            await stage.sweep()
            repaired = stage.replicas[0].metrics.registry.get_sample_value(
                "outlook_addin_repairs_total", {"kind": "change"}
            )
            return conversation.topic, repaired or 0.0

    assert run(play()) == ("Renamed in silence", 1.0)


def test_an_event_is_followed_by_what_it_says_and_not_by_who_wrote_it() -> None:
    async def play() -> list[str | None]:
        async with Stage.open() as stage:
            event, conversation = await scheduled(stage)
            topics = []
            for subject in ("Once", "Twice", "Once"):
                stage.calendar(stage.agents[0]).update_event(event.immutable_id, subject=subject)
                await stage.wait(5)
                topics.append(conversation.topic)
            return topics

    assert run(play()) == ["Once", "Twice", "Once"]


def test_a_lost_deletion_is_repaired() -> None:
    async def play() -> list[str]:
        async with Stage.open() as stage:
            event, _ = await scheduled(stage)
            silence(stage)
            stage.calendar(stage.agents[0]).delete_event(event.immutable_id)
            await stage.sweep()
            await stage.wait(GRACE + MINUTE)
            return list(stage.conversations)

    assert run(play()) == []


def test_the_answer_comes_before_any_work_however_slow_graph_and_unblu_are() -> None:
    async def play() -> tuple[int, float]:
        async with Stage.open() as stage:
            event, _ = await scheduled(stage)
            for simulator in (stage.world.graph, stage.world.unblu):
                simulator.faults.rules.append(Fault(status=0, delay=15.0))
            began = stage.clock.monotonic()
            answer = await deliver(stage, notification(stage, stage.agents[0], event.immutable_id))
            return answer.status, stage.clock.monotonic() - began

    status, took = run(play())
    assert (status, took < SECONDS) == (202, True)


@pytest.mark.parametrize(
    ("kind", "renews"),
    [("reauthorizationRequired", True), ("subscriptionRemoved", True), ("missed", False)],
)
def test_each_lifecycle_event_has_its_own_answer(kind: str, *, renews: bool) -> None:
    async def play() -> tuple[bool, str | None]:
        async with Stage.open() as stage:
            event, conversation = await scheduled(stage)
            silence(stage)
            stage.calendar(stage.agents[0]).update_event(event.immutable_id, subject="Renamed in silence")
            stage.world.graph.faults.endpoint_state = "ok"
            mine = next(
                each
                for each in stage.world.graph.subscriptions.values()
                if each.user_id == stage.agents[0].user_id
            )
            stage.world.graph.send_lifecycle(mine.id, kind)
            await stage.wait(6 * MINUTE)
            return bool(stage.cluster.renewals), conversation.topic

    assert run(play()) == (renews, "Renamed in silence")


def test_an_event_that_was_stretched_at_its_beginning_moves_its_conversation() -> None:
    async def play() -> bool:
        async with Stage.open() as stage:
            event, conversation = await scheduled(stage)
            earlier = tomorrow(stage) - HOUR
            stage.calendar(stage.agents[0]).update_event(event.immutable_id, start=earlier)
            await stage.wait(5)
            return conversation.scheduled == minutes(earlier)

    assert run(play())


# The rows of the comparison


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
            _, conversation = await scheduled(
                stage, recurrence=Recurrence("weekly", count=4), time_zone="Europe/Zurich"
            )
            before = conversation.scheduled or 0
            await stage.wait(timedelta(days=3))
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

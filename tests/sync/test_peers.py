"""What went wrong in other products' calendar synchronisation does not go wrong here, one test for each.

Defects of their subscriptions: ``tests/operator_/test_peers.py``. What each does well or badly, compared:
``test_peers_compared.py``. What their users complain about: ``test_peers_complaints.py``.
"""

import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from outlook_addin_core.domain.client_state import issue
from outlook_addin_sandbox.graph import SimEvent
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

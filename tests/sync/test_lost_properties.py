"""An event that has lost its custom properties is followed by its own notifications, at every replica."""

from datetime import timedelta
from uuid import UUID

from sync.stage import HOUR, MINUTE, Stage
from sync.virtual import BEGINNING, run

START = BEGINNING + timedelta(days=2)


def test_whichever_replica_gets_the_notification_the_conversation_follows_before_any_sweep() -> None:
    async def played() -> list[str | None]:
        async with Stage.open(replicas=2) as stage:
            anna = stage.agents[0]
            calendar, uuid = stage.calendar(anna), UUID(int=1, version=4)
            conversation = await stage.pane_creates(anna, uuid, "Review", START)
            event = calendar.create_event("Review", START, START + HOUR, custom_properties=stage.link(uuid))
            await stage.wait(16 * MINUTE)  # by now, both replicas have listed all conversations once
            calendar.update_event(event.immutable_id, custom_properties={})
            topics = []
            for number in range(4):
                calendar.update_event(event.immutable_id, subject=f"Review {number}")
                await stage.wait(10)
                topics.append(conversation.topic)
            told = [bool(replica.told) for replica in stage.replicas]
            assert told == [True, True]
            return topics

    assert run(played()) == [f"Review {number}" for number in range(4)]


def searches(stage: Stage) -> int:
    return sum(count for name, count in stage.world.unblu.requests.items() if "search" in name)


def test_events_that_nobody_scheduled_cost_unblu_nothing() -> None:
    async def played() -> int:
        async with Stage.open(replicas=2) as stage:
            anna = stage.agents[0]
            calendar, uuid = stage.calendar(anna), UUID(int=1, version=4)
            await stage.pane_creates(anna, uuid, "Review", START)
            calendar.create_event("Review", START, START + HOUR, custom_properties=stage.link(uuid))
            await stage.wait(16 * MINUTE)
            before = searches(stage)
            for number in range(50):
                calendar.create_event(f"Lunch {number}", START, START + HOUR)
                await stage.wait(1)
            return searches(stage) - before

    assert run(played()) == 0

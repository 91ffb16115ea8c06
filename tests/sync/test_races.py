"""What changes between a look and the write that follows from it."""

from datetime import timedelta
from uuid import UUID

from sync.stage import HOUR, Stage
from sync.virtual import BEGINNING, run

START = BEGINNING + timedelta(days=2)


def test_a_conversation_that_ends_just_before_it_is_renamed_is_no_failure() -> None:
    async def played() -> tuple[str, float | None]:
        async with Stage.open() as stage:
            anna, uuid = stage.agents[0], UUID(int=1, version=4)
            conversation = await stage.pane_creates(anna, uuid, "Review", START)
            calendar = stage.calendar(anna)
            event = calendar.create_event("Review", START, START + HOUR, custom_properties=stage.link(uuid))
            await stage.wait(60)
            stage.on_write = lambda *_: stage.world.unblu.end_conversation(conversation.id)
            calendar.update_event(event.immutable_id, subject="Mortgage")
            await stage.wait(30)
            assert conversation.state == "ENDED"
            registry = stage.replicas[0].metrics.registry
            verdict = stage.cluster.verdicts[stage.mailbox(anna)]
            return verdict.reason, registry.get_sample_value("outlook_addin_parked")

    assert run(played()) == ("InSync", 0)

"""The whole synchronisation between fakes: what the sweep repairs, for whom, and what it says about it."""

import asyncio
from dataclasses import replace

import pytest

from outlook_addin_core.clients.errors import (
    CredentialsRefused,
)
from outlook_addin_core.domain.conversations import Marker
from outlook_addin_core.domain.election import Term
from outlook_addin_web.leadership import LENGTH
from outlook_addin_web.verdicts import IN_SYNC
from web.fakes import ANNA, BEN, GRACE, START, TOMORROW, Bench, uuid
from web.polling import until
from web.replica import DAY, HOUR, Replica, scheduled

pytestmark = pytest.mark.usefixtures("impatient")


async def test_a_lost_creation_is_repaired_and_counted(bench: Bench) -> None:
    bench.unblu.put(ANNA, 1)
    bench.outlook.put(ANNA, "event")
    async with Replica(bench).running() as replica:
        await until(lambda: bench.conversation.marker == Marker("event", START))
        await until(lambda: replica.repaired("creation") == 1)


async def test_a_mailbox_with_hundreds_of_differences_is_repaired_by_one_sweep(bench: Bench) -> None:
    for number in range(1, 451):
        bench.unblu.put(ANNA, number)
        bench.outlook.put(ANNA, f"event-{number}", link=uuid(number))
    async with Replica(bench).running() as replica:
        await until(lambda: replica.repaired("creation") == 450)
        assert all(each.marker for each in bench.unblu.conversations.values())


async def test_a_lost_change_is_repaired_and_counted(bench: Bench) -> None:
    scheduled(bench)
    bench.outlook.put(ANNA, "event-1", subject="Mortgage", start=TOMORROW + HOUR)
    async with Replica(bench).running() as replica:
        await until(lambda: bench.conversation.scheduled == TOMORROW + HOUR)
        await until(lambda: replica.repaired("change") == 2)
    assert bench.conversation.topic == "Mortgage"


async def test_a_lost_deletion_is_repaired_after_the_grace_period_and_counted(bench: Bench) -> None:
    scheduled(bench)
    bench.outlook.remove(ANNA, "event-1")
    async with Replica(bench).running() as replica:
        await until(lambda: replica.sample("decisions_total", action="wait", reason="GracePeriod") == 1)
        bench.clock.advance(GRACE)
        await replica.swept()
        await until(lambda: bench.unblu.conversations == {})
        await until(lambda: replica.repaired("deletion") == 1)


async def test_a_series_rolls_forward_to_its_next_occurrence(bench: Bench) -> None:
    scheduled(bench)
    master = bench.outlook.put(ANNA, "event-1", type="seriesMaster", start=TOMORROW)
    occurrences = [
        replace(master, id=f"o{week}", type="occurrence", start=TOMORROW + week * 7 * DAY, link=None)
        for week in range(3)
    ]
    bench.outlook.occurrences["event-1"] = tuple(occurrences)
    async with Replica(bench).running() as replica:
        await until(lambda: replica.sweeps == 1)
        assert bench.conversation.scheduled == TOMORROW
        bench.clock.advance(2 * DAY)
        await replica.swept()
        await until(lambda: bench.conversation.scheduled == TOMORROW + 7 * DAY)
        await until(lambda: replica.repaired("series") == 1)


async def test_a_conversation_of_an_event_that_was_never_saved_stays_unless_it_may_go(bench: Bench) -> None:
    bench.unblu.put(ANNA, 1, created=START - 10 * DAY, scheduled=START - 3 * DAY)
    await bench.kubernetes.create(ANNA, None)
    async with Replica(bench).running() as replica:
        await until(lambda: replica.sweeps == 1)
    assert "conversation-1" in bench.unblu.conversations
    async with Replica(bench, sync_server_draft_grace_period=DAY).running() as replica:
        await until(lambda: replica.sample("decisions_total", action="wait", reason="GracePeriod") == 1)
        bench.clock.advance(GRACE)
        await replica.swept()
        await until(lambda: bench.unblu.conversations == {})
        await until(lambda: replica.repaired("draft") == 1)


async def test_a_link_whose_conversation_is_gone_is_reported_and_nothing_is_made_again(bench: Bench) -> None:
    await bench.kubernetes.create(ANNA, None)
    bench.outlook.put(ANNA, "event")
    async with Replica(bench).running() as replica:
        labels = {"action": "report", "reason": "ConversationMissing"}
        await until(lambda: replica.sample("decisions_total", **labels) == 1)
    assert bench.unblu.conversations == {}


async def test_links_without_a_subscription_get_one_again_and_it_is_noted_as_needed(bench: Bench) -> None:
    scheduled(bench)
    async with Replica(bench).running() as replica:
        await until(lambda: ANNA in bench.kubernetes.followed)
        await until(lambda: replica.repaired("subscription") == 1)
        await replica.swept()
        await until(lambda: bench.kubernetes.followed[ANNA].last_needed == START.date())


async def test_a_subscription_that_nobody_needs_any_more_goes(bench: Bench) -> None:
    await bench.kubernetes.create(ANNA, None)
    await bench.kubernetes.create(BEN, None)
    bench.kubernetes.change(BEN, web_made=False)
    bench.clock.advance(31 * DAY)
    async with Replica(bench).running():
        await until(lambda: list(bench.kubernetes.followed) == [BEN])


async def test_a_sweep_that_finds_nothing_repairs_nothing_and_reads_no_single_event(bench: Bench) -> None:
    scheduled(bench)
    async with Replica(bench).running() as replica:
        await until(lambda: replica.sweeps == 1)
        await until(lambda: replica.said() == ["InSync"])
        await replica.swept()
    assert replica.said() == ["InSync"]
    assert bench.outlook.reads == []
    assert replica.sample("last_sweep_timestamp_seconds") == START.timestamp()


async def test_a_mailbox_without_open_conversations_rests_once_it_is_known_to_be_well(bench: Bench) -> None:
    await bench.kubernetes.create(ANNA, None)
    async with Replica(bench).running() as replica:
        await until(lambda: replica.said() == ["InSync"])
        bench.kubernetes.followed[ANNA] = replace(bench.kubernetes.followed[ANNA], verdict=IN_SYNC)
        looks = replica.looks
        await replica.swept()
        assert replica.looks == looks
        scheduled(bench)
        bench.outlook.put(ANNA, "event-1", subject="Renamed in silence")
        await replica.swept()
        await until(lambda: bench.conversation.topic == "Renamed in silence")


async def test_a_tenant_that_cannot_be_read_is_told_of_mailboxes_that_rest_too(bench: Bench) -> None:
    bench.outlook.failures[ANNA.tenant_id] = CredentialsRefused(7000222, "renew it", operation="entra.token")
    scheduled(bench, BEN, 2)
    await bench.kubernetes.create(ANNA, None)
    bench.kubernetes.change(ANNA, verdict=IN_SYNC)
    async with Replica(bench).running() as replica:
        await until(lambda: replica.said(ANNA) == ["CredentialsRefused"])
        assert replica.sweeps == 0


async def test_the_log_tells_when_the_sweep_that_was_asked_for_has_ended(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    scheduled(bench)

    def answered() -> list[tuple[str, bool]]:
        ended = [each.__dict__ for each in caplog.records if each.message == "a sweep has ended"]
        return [(each["request"], each["complete"]) for each in ended if "request" in each]

    async with Replica(bench).running() as replica:
        await until(lambda: replica.sweeps == 1)
        assert answered() == []
        bench.kubernetes.request = "monday"
        await until(lambda: answered() == [("monday", True)])


async def test_an_annotation_at_the_add_in_asks_for_a_sweep(bench: Bench) -> None:
    scheduled(bench)
    async with Replica(bench).running() as replica:
        await until(lambda: replica.sweeps == 1)
        bench.outlook.put(ANNA, "event-1", subject="Renamed in silence")
        bench.kubernetes.request = "2026-11-23"
        await until(lambda: bench.conversation.topic == "Renamed in silence")


@pytest.mark.parametrize("change", [{"sync_requested": "now"}, {"subscription_id": "another"}])
async def test_a_mailbox_is_swept_when_somebody_asks_and_after_its_subscription_was_replaced(
    bench: Bench, change: dict[str, str]
) -> None:
    scheduled(bench)
    await bench.kubernetes.create(ANNA, None)
    bench.kubernetes.change(ANNA, subscription_id="first")
    async with Replica(bench).running() as replica:
        await until(lambda: replica.sweeps == 1 and bench.kubernetes.changed.empty())
        bench.outlook.put(ANNA, "event-1", subject="Renamed in silence")
        bench.kubernetes.change(ANNA, **change)
        await until(lambda: bench.conversation.topic == "Renamed in silence")


async def test_a_mailbox_is_swept_as_soon_as_its_subscription_is_seen_and_its_state_is_told(
    bench: Bench,
) -> None:
    async with Replica(bench).running() as replica:
        await until(lambda: replica.sweeps == 1 and bench.kubernetes.changed.empty())
        scheduled(bench)
        bench.outlook.put(ANNA, "event-1", subject="Renamed in silence")
        await bench.kubernetes.create(ANNA, None)
        bench.kubernetes.change(ANNA, subscription_id="already there")
        await until(lambda: bench.conversation.topic == "Renamed in silence")
        await until(lambda: replica.said() == ["Repairing", "InSync"])


async def test_a_subscription_that_was_made_again_is_told_its_state_again(bench: Bench) -> None:
    await bench.kubernetes.create(ANNA, None)
    bench.kubernetes.change(ANNA, subscription_id="first")
    async with Replica(bench).running() as replica:
        await until(lambda: replica.said() == ["InSync"])
        bench.kubernetes.change(ANNA, deleted=True)
        del bench.kubernetes.followed[ANNA]
        await bench.kubernetes.create(ANNA, None)
        bench.kubernetes.change(ANNA, subscription_id="second")
        await until(lambda: replica.said() == ["InSync", "InSync"])


async def test_one_of_two_replicas_sweeps(bench: Bench) -> None:
    scheduled(bench)
    async with Replica(bench, "one").running() as one, Replica(bench, "two").running() as two:
        await until(lambda: one.sweeps + two.sweeps == 1)
        assert one.sample("sweeper") + two.sample("sweeper") == 1


async def test_what_a_killed_replica_had_accepted_is_repaired_by_the_next_sweep(bench: Bench) -> None:
    scheduled(bench)
    bench.lease.term = Term("killed", LENGTH, START, START, version="1")
    bench.outlook.put(ANNA, "event-1", subject="Accepted but never carried over")
    survivor = Replica(bench)
    looks: list[float] = []

    async def briefly(seconds: float) -> None:
        looks.append(seconds)
        bench.clock.advance(LENGTH / 3)
        await asyncio.sleep(0)

    survivor.sync.leadership._pause = briefly
    async with survivor.running():
        await until(lambda: bench.conversation.topic == "Accepted but never carried over")
    assert len(looks) >= 3
    assert survivor.repaired("change") == 1

"""The synchronisation between fakes: what a sweep does while something fails, and what is told about it."""

from datetime import timedelta

import pytest

from outlook_addin_core.clients.errors import (
    ClientError,
    CredentialsRefused,
    Denied,
    Rejected,
    ServerError,
    Throttled,
)
from outlook_addin_web import sweeper
from outlook_addin_web.dirty_queue import STORM
from outlook_addin_web.tasks import Kind, Task
from web.fakes import ANNA, BEN, CARL, Bench
from web.polling import until
from web.replica import DAY, HOUR, Replica, scheduled

pytestmark = pytest.mark.usefixtures("impatient")


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (
            CredentialsRefused(700016, "let the administrator consent", operation="entra.token"),
            "CredentialsRefused",
        ),
        (Denied("HTTP 403", operation="graph.calendars.list"), "GraphDenied"),
    ],
)
async def test_a_tenant_that_cannot_be_read_says_so_and_the_others_are_swept(
    bench: Bench, failure: ClientError, reason: str
) -> None:
    bench.outlook.failures[ANNA.tenant_id] = failure
    for number, mailbox in enumerate((ANNA, BEN, CARL), start=1):
        scheduled(bench, mailbox, number)
        await bench.kubernetes.create(mailbox, None)
        bench.outlook.put(mailbox, f"event-{number}", subject="Mortgage")
    async with Replica(bench).running() as replica:
        await until(lambda: bench.unblu.conversations["conversation-3"].topic == "Mortgage")
        await until(lambda: replica.said(ANNA)[-1:] == [reason])
        await until(lambda: replica.said(CARL)[-1:] == ["InSync"])
        bench.outlook.failures.clear()
        bench.clock.advance(HOUR)
        replica.sync.worker.submit(Task(CARL, Kind.EVENT, "event-3"))
        for mailbox in (ANNA, BEN):
            replica.sync.worker.submit(Task(mailbox, Kind.MAILBOX))
        await until(lambda: bench.conversation.topic == "Mortgage")
        await until(lambda: replica.said(ANNA)[-1] == "InSync")


async def test_a_throttled_tenant_waits_as_long_as_it_is_told_and_the_others_do_not(bench: Bench) -> None:
    bench.outlook.failures[ANNA.tenant_id] = Throttled(
        "HTTP 429", operation="graph.events.find", retry_after=HOUR
    )
    scheduled(bench, ANNA, 1)
    scheduled(bench, CARL, 3)
    await bench.kubernetes.create(ANNA, None)
    async with Replica(bench).running() as replica:
        await until(lambda: replica.said(CARL) == ["InSync"])
        assert replica.sample("backoffs_total", scope="tenant", reason="Throttled") == 1
        bench.outlook.failures.clear()
        bench.clock.advance(HOUR)
        replica.sync.worker.submit(Task(CARL, Kind.MAILBOX))
        await until(lambda: replica.said(ANNA) == ["InSync"])


CONCURRENCY = Throttled(
    "HTTP 429", operation="graph.events.find", excerpt="Application is over its MailboxConcurrency limit."
)


def throttled(replica: Replica) -> float:
    return replica.sample("backoffs_total", scope="mailbox", reason="Throttled")


async def test_a_mailbox_that_is_throttled_for_good_does_not_keep_a_sweep_from_ending(bench: Bench) -> None:
    for number, mailbox in enumerate((ANNA, BEN), start=1):
        scheduled(bench, mailbox, number)
    bench.outlook.failures[ANNA] = CONCURRENCY
    async with Replica(bench).running() as replica:
        await until(lambda: throttled(replica) == 1)
        bench.clock.advance(sweeper.LONGEST_LOOK)
        await until(lambda: replica.sample("sweeps_total", outcome="incomplete") == 1)
        bench.outlook.failures.clear()
        bench.clock.advance(HOUR)
        await replica.swept()


async def test_a_storm_that_takes_the_place_of_a_failing_event_ends_its_trouble(bench: Bench) -> None:
    scheduled(bench)
    async with Replica(bench).running() as replica:
        await until(lambda: replica.sweeps == 1 and replica.said() == ["InSync"])
        bench.outlook.failures[ANNA] = CONCURRENCY
        for failures in range(1, 4):
            replica.sync.worker.submit(Task(ANNA, Kind.EVENT, "event-1"))
            await until(lambda failures=failures: throttled(replica) == failures)  # type: ignore[misc]
            bench.clock.advance(timedelta(seconds=10))
        await until(lambda: replica.said()[-1] == "Throttled")
        bench.outlook.failures.clear()
        for number in range(STORM):
            replica.sync.worker.submit(Task(ANNA, Kind.EVENT, f"lunch-{number}"))
        await until(lambda: replica.said()[-1] == "InSync")


async def test_how_much_is_parked_is_told_by_the_clock_and_not_by_the_next_task(bench: Bench) -> None:
    scheduled(bench)
    async with Replica(bench).running() as replica:
        await until(lambda: replica.sweeps == 1)
        bench.outlook.failures["event-1"] = Rejected("HTTP 400", operation="graph.events.get")
        replica.sync.worker.submit(Task(ANNA, Kind.EVENT, "event-1"))
        await until(lambda: replica.sample("parked") == 1)
        bench.clock.advance(DAY)
        assert replica.sample("parked") == 0


async def test_a_poison_event_is_parked_and_shown_until_a_sweep_gets_past_it(bench: Bench) -> None:
    scheduled(bench)
    bench.outlook.put(ANNA, "event-1", subject="Mortgage")
    bench.outlook.failures["event-1"] = RuntimeError("an event that nobody can read")
    async with Replica(bench).running() as replica:
        for _ in range(20):
            bench.clock.advance(timedelta(minutes=5))
            await replica.swept()
            if replica.sample("parked_tasks_total", kind="event", reason="Failing"):
                break
        await until(lambda: replica.said()[-1:] == ["Parked"])
        assert replica.sample("parked") == 1
        bench.outlook.failures.clear()
        await replica.swept()
        await until(lambda: bench.conversation.topic == "Mortgage")
        await until(lambda: replica.said()[-1] == "InSync")
        assert replica.sample("parked") == 0


async def test_while_unblu_is_down_a_sweep_does_not_begin_and_begins_by_itself_later(bench: Bench) -> None:
    scheduled(bench)
    bench.outlook.put(ANNA, "event-1", subject="Mortgage")
    bench.unblu.failure = ServerError("HTTP 503", operation="unblu.conversations.search")
    async with Replica(bench).running() as replica:
        await until(lambda: replica.sample("sweeps_total", outcome="failed") >= 2)
        bench.unblu.failure = None
        await until(lambda: bench.conversation.topic == "Mortgage")


async def test_without_the_role_admin_the_condition_says_what_is_missing(bench: Bench) -> None:
    scheduled(bench)
    bench.unblu.admin = False
    async with Replica(bench).running() as replica:
        await until(lambda: replica.said() == ["InsufficientRole"])


async def test_kubernetes_being_away_keeps_no_notification_from_being_carried_over(bench: Bench) -> None:
    scheduled(bench)
    bench.lease.broken = bench.kubernetes.broken = True
    bench.outlook.put(ANNA, "event-1", subject="Mortgage")
    async with Replica(bench).running() as replica:
        assert replica.sync.worker.submit(Task(ANNA, Kind.EVENT, "event-1"))
        await until(lambda: bench.conversation.topic == "Mortgage")
        assert replica.sweeps == 0

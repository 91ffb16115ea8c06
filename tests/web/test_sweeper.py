"""The whole synchronisation between fakes: what the sweep repairs, for whom, and what it says about it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from outlook_addin_core.clients.errors import (
    ClientError,
    CredentialsRefused,
    Denied,
    Rejected,
    ServerError,
    Throttled,
)
from outlook_addin_core.domain.conversations import Marker
from outlook_addin_core.domain.election import Term
from outlook_addin_core.domain.mailbox import Mailbox
from outlook_addin_web import reports, sweeper
from outlook_addin_web.dirty_queue import STORM
from outlook_addin_web.leadership import LENGTH
from outlook_addin_web.metrics import Metrics
from outlook_addin_web.sync import Outside, Sync
from outlook_addin_web.tasks import Kind, Task
from outlook_addin_web.verdicts import IN_SYNC
from web.fakes import ANNA, BEN, CARL, CONFIG, GRACE, KEY, START, TOMORROW, Bench, uuid
from web.polling import until

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


async def refused(_: str) -> Any:
    raise AssertionError("nobody asks for this here")


class Replica:
    """One process of the web server; what it talks to is the bench's."""

    def __init__(self, bench: Bench, name: str = "one", **config: Any) -> None:
        self.bench = bench
        self.metrics = Metrics(CollectorRegistry())
        verify: Any = refused
        self.sync = Sync(
            config=replace(CONFIG, **config),
            keys=(KEY,),
            outside=Outside(
                events=bench.outlook,
                conversations=bench.unblu,
                subscriptions=bench.kubernetes,
                lease=bench.lease,
                verify=verify,
                known_to_unblu=refused,
            ),
            clock=bench.clock,
            metrics=self.metrics,
            identity=name,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Replica"]:
        async with self.sync.running():
            yield self

    def sample(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(f"outlook_addin_{name}", labels) or 0.0

    def repaired(self, kind: str) -> float:
        return self.sample("repairs_total", kind=kind)

    @property
    def looks(self) -> float:
        """How often a whole mailbox was looked at."""
        return self.sample("tasks_total", kind="mailbox", outcome="done")

    @property
    def sweeps(self) -> float:
        return self.sample("sweeps_total", outcome="complete")

    async def swept(self) -> None:
        """Wait for the end of a sweep that begins now."""
        before = self.sweeps
        self.sync.sweeper.request()
        await until(lambda: self.sweeps > before)

    def said(self, mailbox: Mailbox = ANNA) -> list[str]:
        return [verdict.reason for verdict in self.bench.kubernetes.verdicts.get(mailbox, [])]


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits between two looks does not wait long."""
    for name in ("ASK_EVERY", "FULL_PAUSE", "RETRY", "BOOKKEEPING_PAUSE"):
        monkeypatch.setattr(sweeper, name, 0.01)
    monkeypatch.setattr(reports.Reports.__init__, "__kwdefaults__", {"pause": 0.0, "retry": 0.01})


def scheduled(bench: Bench, mailbox: Mailbox = ANNA, number: int = 1) -> None:
    """An agent has scheduled a conversation, and the event has been seen."""
    bench.unblu.put(mailbox, number, marker=Marker(f"event-{number}", START))
    bench.outlook.put(mailbox, f"event-{number}", link=uuid(number))


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

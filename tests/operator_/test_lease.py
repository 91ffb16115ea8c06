"""Which of two operators works, told with clocks to turn and a Lease in memory."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from outlook_addin_core.domain.election import Term
from outlook_addin_core.domain.resources import SUBSCRIPTION
from outlook_addin_operator.agenda import Agenda
from outlook_addin_operator.inventory import Inventory
from outlook_addin_operator.keys import Key
from outlook_addin_operator.lease import Elector, LeaseConflictError, LeaseError
from outlook_addin_operator.lease_fence import WRITES, FencedClient
from outlook_addin_operator.lease_keeper import (
    Alone,
    LeaseKeeper,
    NotLeadingError,
    fence,
    while_leading,
)
from outlook_addin_operator.lease_watch import WatchAge
from outlook_addin_operator.schedule import Schedule

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
TERM = timedelta(seconds=30)


class Clock:
    """Two clocks of one machine, each to be turned."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.jumped = 0.0

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.seconds + self.jumped)

    def monotonic(self) -> float:
        return self.seconds


class MemoryLease:
    """One Lease; a write over an old version is refused."""

    def __init__(self) -> None:
        self.record: Term | None = None
        self.broken = False

    def read(self) -> Term | None:
        self._work()
        return self.record

    def write(self, term: Term) -> Term:
        self._work()
        if term.version and self.record is None:
            raise LeaseError("gone")
        latest = self.record.version if self.record else ""
        if term.version != latest:
            raise LeaseConflictError("old")
        self.record = replace(term, version=str(int(latest or 0) + 1))
        return self.record

    def _work(self) -> None:
        if self.broken:
            raise LeaseError("no answer")


@pytest.fixture
def store() -> MemoryLease:
    return MemoryLease()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pair(store: MemoryLease, clock: Clock) -> tuple[Elector, Elector]:
    """Two operators: the first holds the Lease, the second has seen that."""
    first, second = Elector(store, "first", clock, 30), Elector(store, "second", clock, 30)
    first.step()
    second.step()
    return first, second


def test_the_first_works_and_the_second_waits(pair: tuple[Elector, Elector], store: MemoryLease) -> None:
    first, second = pair
    assert first.remaining == 20
    assert second.remaining == 0
    assert store.record is not None
    assert (store.record.holder, store.record.length, store.record.transitions) == ("first", TERM, 0)


def test_a_holder_that_renews_keeps_it_for_ever(pair: tuple[Elector, Elector], clock: Clock) -> None:
    first, second = pair
    for _ in range(100):
        clock.seconds += 5
        first.step()
        second.step()
        assert (first.remaining, second.remaining) == (20, 0)


def test_a_holder_that_died_is_followed_after_the_whole_duration(
    pair: tuple[Elector, Elector], clock: Clock, store: MemoryLease
) -> None:
    _, second = pair
    clock.seconds += 29
    second.step()
    assert second.remaining == 0
    clock.seconds += 1
    second.step()
    assert second.remaining == 20
    assert store.record is not None
    assert (store.record.holder, store.record.transitions) == ("second", 1)


def test_at_no_moment_do_two_work(pair: tuple[Elector, Elector], clock: Clock, store: MemoryLease) -> None:
    first, second = pair
    for second_of_test in range(300):
        clock.seconds += 1
        cut_off = second_of_test // 60 % 2 == 1
        if not cut_off and second_of_test % 5 == 0:
            first.step()
        if second_of_test % 5 == 2:
            second.step()
        assert not (first.remaining and second.remaining)
    assert store.record is not None


def test_a_holder_that_cannot_renew_counts_itself_out_before_anybody_follows(
    pair: tuple[Elector, Elector], clock: Clock, store: MemoryLease
) -> None:
    first, second = pair
    store.broken = True
    for _ in range(4):
        clock.seconds += 5
        with pytest.raises(LeaseError):
            first.step()
    assert first.remaining == 0
    store.broken = False
    second.step()
    assert second.remaining == 0


def test_a_released_lease_is_taken_at_once(
    pair: tuple[Elector, Elector], clock: Clock, store: MemoryLease
) -> None:
    first, second = pair
    first.release()
    assert first.remaining == 0
    assert store.record is not None
    assert store.record.holder == ""
    clock.seconds += 1
    second.step()
    assert second.remaining == 20


def test_a_standby_releases_nothing(pair: tuple[Elector, Elector], store: MemoryLease) -> None:
    pair[1].release()
    assert store.record is not None
    assert store.record.holder == "first"


def test_who_was_overruled_stops_and_looks_again(
    pair: tuple[Elector, Elector], clock: Clock, store: MemoryLease
) -> None:
    first, _ = pair
    assert store.record is not None
    store.record = replace(store.record, holder="third", version="9")
    first.step()
    assert first.remaining == 0
    first.step()
    assert store.record.holder == "third"
    assert clock.seconds == 1000


def test_a_lease_that_somebody_deleted_is_made_again(
    pair: tuple[Elector, Elector], clock: Clock, store: MemoryLease
) -> None:
    first, second = pair
    store.record = None
    with pytest.raises(LeaseError):
        first.step()
    second.step()
    assert second.remaining == 20
    first.step()
    assert first.remaining == 0
    clock.seconds += 5
    second.step()
    first.step()
    assert (first.remaining, second.remaining) == (0, 20)


def test_a_process_that_was_restarted_is_another_one(clock: Clock, store: MemoryLease) -> None:
    Elector(store, "pod_1", clock, 30).step()
    again = Elector(store, "pod_2", clock, 30)
    again.step()
    assert again.remaining == 0


def test_a_machine_that_slept_does_not_go_on_as_if_nothing_had_been(
    pair: tuple[Elector, Elector], clock: Clock
) -> None:
    clock.jumped = 3600
    assert pair[0].remaining == 0
    pair[0].step()
    assert pair[0].remaining == 20


def test_a_clock_that_is_set_back_prolongs_nothing(pair: tuple[Elector, Elector], clock: Clock) -> None:
    clock.jumped = -3600
    clock.seconds += 20
    assert pair[0].remaining == 0


@dataclass
class Switch:
    """Leadership that a test gives and takes."""

    remaining: float = 0.0
    news: Callable[[], None] = lambda: None

    async def changed(self) -> None:
        await asyncio.sleep(0)


async def test_work_runs_while_the_lease_is_held_stops_at_once_and_comes_back() -> None:
    switch, running, began = Switch(), asyncio.Event(), 0

    async def work() -> None:
        nonlocal began
        began += 1
        running.set()
        try:
            await asyncio.Event().wait()
        finally:
            running.clear()

    task = asyncio.create_task(while_leading(switch, work))
    await asyncio.sleep(0)
    assert not running.is_set()
    for round_number in (1, 2):
        switch.remaining = 0.05
        async with asyncio.timeout(5):
            await running.wait()
        assert began == round_number
        switch.remaining = 0.0
        async with asyncio.timeout(5):
            while running.is_set():  # noqa: ASYNC110 - what is waited for is an effect
                await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait({task})


async def test_work_that_breaks_is_heard_of() -> None:
    async def work() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await while_leading(Alone(), work)


async def test_work_that_is_refused_because_the_lease_is_lost_begins_again_when_it_is_back() -> None:
    switch, began = Switch(), []

    async def work() -> None:
        began.append(True)
        if len(began) == 1:
            switch.remaining = 0.0
            raise NotLeadingError

    switch.remaining = 5.0
    task = asyncio.create_task(while_leading(switch, work))
    async with asyncio.timeout(5):
        while not began or switch.remaining:  # noqa: ASYNC110 - what is waited for is an effect
            await asyncio.sleep(0.01)
        switch.remaining = 5.0
        await task
    assert len(began) == 2


async def test_the_keeper_takes_the_lease_in_its_thread_and_releases_it_at_the_end(
    store: MemoryLease,
) -> None:
    closed = []
    keeper = LeaseKeeper(Elector(store, "me", Clock(), 30), closing=lambda: closed.append(True))
    keeper.start()
    async with asyncio.timeout(5):
        while keeper.remaining <= 0:
            await keeper.changed()
    fence(keeper)
    await keeper.stop()
    assert store.record is not None
    assert store.record.holder == ""
    assert closed == [True]
    with pytest.raises(NotLeadingError):
        fence(keeper)


async def test_a_nudge_has_a_standby_look_at_once(store: MemoryLease, clock: Clock) -> None:
    other = Elector(store, "other", clock, 1000)
    other.step()
    keeper = LeaseKeeper(Elector(store, "me", clock, 1000))
    keeper.start()
    await keeper.changed()
    assert keeper.remaining == 0
    other.release()
    keeper.nudge()
    async with asyncio.timeout(5):
        while keeper.remaining <= 0:
            await keeper.changed()
    await keeper.stop()


@pytest.mark.parametrize("name", sorted(WRITES))
def test_a_standby_writes_nothing(name: str) -> None:
    client: Any = FencedClient(object(), Switch())  # type: ignore[arg-type]
    with pytest.raises(NotLeadingError):
        getattr(client, name)


def test_a_standby_reads_and_a_leader_writes() -> None:
    class Client:
        def get(self) -> str:
            return "got"

        def patch(self) -> str:
            return "patched"

    standby: Any = FencedClient(Client(), Switch())  # type: ignore[arg-type]
    leader: Any = FencedClient(Client(), Alone())  # type: ignore[arg-type]
    assert standby.get() == "got"
    assert leader.patch() == "patched"


def test_a_standby_stays_warm_and_follows_what_the_leader_writes() -> None:
    schedule, clock = Schedule(), Clock()
    agenda = Agenda(schedule, Inventory(), lambda key, at: (schedule.wake(key, at), None)[1], clock)
    agenda.leading = False
    soon, later = NOON + timedelta(hours=1), NOON + timedelta(hours=9)
    for due in (soon, later):
        agenda.subscription(False, in_place(due))
    key = Key(SUBSCRIPTION, "bank", "a")
    assert schedule._due[key] == later.timestamp()
    agenda.leading = True
    agenda.subscription(False, in_place(soon))
    assert schedule._due[key] == soon.timestamp()


def test_nothing_waits_for_a_standby() -> None:
    schedule, clock = Schedule(), Clock()
    agenda = Agenda(schedule, Inventory(), lambda key, at: (schedule.wake(key, at), None)[1], clock)
    agenda.leading = False
    agenda.subscription(False, in_place(NOON))
    now = NOON + timedelta(minutes=2)
    assert agenda.backlog(now) == (0, 0.0)
    agenda.leading = True
    assert agenda.backlog(now) == (1, 120.0)


def in_place(due: datetime) -> dict[str, Any]:
    metadata = {"name": "a", "namespace": "bank", "uid": "a", "generation": 1}
    return {
        "metadata": {**metadata, "creationTimestamp": "2026-11-01T00:00:00Z"},
        "spec": {"addinRef": {"name": "desk"}, "tenantId": "t", "userId": "u"},
        "status": {"observedGeneration": 1, "subscriptionId": "s", "renewalTime": due.isoformat()},
    }


def test_an_object_whose_end_the_watch_missed_is_forgotten_when_it_is_looked_at() -> None:
    schedule, inventory = Schedule(), Inventory()
    agenda = Agenda(schedule, inventory, lambda key, at: (schedule.wake(key, at), None)[1], Clock())
    agenda.subscription(False, in_place(NOON))
    key = Key(SUBSCRIPTION, "bank", "a")
    agenda.vanished(key)
    assert inventory.subscription(key) is None


def test_a_watch_that_shows_less_than_is_known_is_noticed() -> None:
    clock = Clock()
    watch = WatchAge(clock)
    clock.seconds += 400
    assert watch.lag(changed_at=1000) == 0  # nothing has changed since: the API server may be away
    assert watch.lag(changed_at=1390) == 390
    watch.watched()
    assert watch.lag(changed_at=1390) == 0

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from outlook_addin_core.domain.election import Candidate, Term
from outlook_addin_web.leadership import LENGTH, SURE, Leadership
from outlook_addin_web.metrics import Metrics
from web.fakes import START, FakeClock, FakeLease
from web.polling import until

HELD = Term("other", LENGTH, START, START, version="1")


class Replica:
    """One process that takes part in the election; its pauses pass when the test says so."""

    def __init__(self, name: str, lease: FakeLease, clock: FakeClock) -> None:
        self.clock = clock
        self.metrics = Metrics(CollectorRegistry())
        self.leadership = Leadership(lease, name, clock, self.metrics, pause=self._pause)
        self.works = False
        self.looks = 0
        self.next = asyncio.Event()

    async def _pause(self, _: float) -> None:
        self.looks += 1
        self.next.clear()
        await self.next.wait()

    async def work(self) -> None:
        self.works = True
        try:
            await asyncio.Event().wait()
        finally:
            self.works = False

    async def look(self) -> None:
        """Let one pause pass and wait until the replica has looked at the Lease."""
        looks = self.looks
        self.next.set()
        await until(lambda: self.looks > looks)
        await asyncio.sleep(0)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.leadership.run(self.work))
        await until(lambda: self.looks > 0)
        await asyncio.sleep(0)
        try:
            yield
        finally:
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task


@pytest.fixture
def lease() -> FakeLease:
    return FakeLease()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


async def test_one_of_two_replicas_works(lease: FakeLease, clock: FakeClock) -> None:
    first, second = Replica("first", lease, clock), Replica("second", lease, clock)
    async with first.running(), second.running():
        assert (first.works, second.works) == (True, False)
        assert first.metrics.registry.get_sample_value("outlook_addin_sweeper") == 1


async def test_a_lease_that_is_given_back_is_taken_at_the_next_look(
    lease: FakeLease, clock: FakeClock
) -> None:
    first, second = Replica("first", lease, clock), Replica("second", lease, clock)
    async with second.running(), first.running():
        assert (first.works, second.works) == (False, True)
    assert lease.term is not None
    assert lease.term.holder == ""
    async with Replica("third", lease, clock).running() as _:
        assert lease.term.holder == "third"


async def test_a_killed_holders_lease_is_taken_over_after_its_length(
    lease: FakeLease, clock: FakeClock
) -> None:
    lease.term = HELD
    replica = Replica("me", lease, clock)
    async with replica.running():
        clock.advance(LENGTH - timedelta(seconds=1))
        await replica.look()
        assert not replica.works
        clock.advance(timedelta(seconds=1))
        await replica.look()
        assert replica.works


async def test_who_loses_the_lease_stops_working(lease: FakeLease, clock: FakeClock) -> None:
    replica = Replica("me", lease, clock)
    async with replica.running():
        lease.term = Term("other", LENGTH, START, START, 7, "99")
        await replica.look()
        await until(lambda: not replica.works)
        assert replica.metrics.registry.get_sample_value("outlook_addin_sweeper") == 0
    assert lease.term.holder == "other"


async def test_who_cannot_renew_stops_before_anybody_else_can_begin(
    lease: FakeLease, clock: FakeClock
) -> None:
    replica = Replica("me", lease, clock)
    async with replica.running():
        lease.broken = True
        clock.advance(SURE - timedelta(seconds=1))
        await replica.look()
        assert replica.works
        clock.advance(timedelta(seconds=1))
        await replica.look()
        await until(lambda: not replica.works)
        lease.broken = False
        await replica.look()
        assert replica.works


async def test_of_two_who_take_the_lease_at_the_same_moment_one_gets_it(
    lease: FakeLease, clock: FakeClock
) -> None:
    first, second = Candidate("me", LENGTH), Candidate("other", LENGTH)
    assert await lease.write(first.claim(None, clock.now())) is not None
    assert await lease.write(second.claim(None, clock.now())) is None

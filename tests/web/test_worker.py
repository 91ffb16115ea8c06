import asyncio
from datetime import timedelta

import pytest

from outlook_addin_core.domain.clock import SystemClock
from outlook_addin_web.tasks import Kind, Task
from web.fakes import ANNA, BEN, FakeClock
from web.office import Office
from web.polling import until


async def test_nothing_is_accepted_before_the_worker_is_at_work() -> None:
    assert not Office().submit("a")


async def test_one_mailbox_is_worked_on_by_one_task_and_several_side_by_side() -> None:
    office = Office()
    async with office.open():
        office.doer.gate.clear()
        for name, mailbox in (("a1", ANNA), ("a2", ANNA), ("b1", BEN)):
            office.submit(name, mailbox)
        await until(lambda: office.doer.most_at_work == 2)
        office.doer.gate.set()
        await until(lambda: sorted(office.doer.done) == ["a1", "a2", "b1"])


async def test_how_long_a_change_took_is_measured_from_its_notification() -> None:
    clock = FakeClock()
    office = Office(clock=clock)
    async with office.open():
        office.doer.gate.clear()
        office.worker.submit(Task(ANNA, Kind.EVENT, "a", since=clock.now()))
        await until(lambda: bool(office.doer.at_work))
        clock.advance(timedelta(seconds=2))
        office.doer.gate.set()
        await until(lambda: office.doer.done == ["a"])
    lag = office.metrics.registry.get_sample_value("outlook_addin_lag_seconds_sum")
    assert lag == 2.0


async def test_the_correlation_of_a_notification_reaches_whoever_does_the_work() -> None:
    office = Office()
    async with office.open():
        office.worker.submit(Task(ANNA, Kind.EVENT, "a", correlation="c0ffee"))
        await until(lambda: office.doer.done == ["a"])
    assert office.doer.correlations == ["c0ffee"]


async def test_draining_finishes_what_was_accepted_and_accepts_nothing_more() -> None:
    office = Office()
    async with office.open():
        for number in range(20):
            office.submit(f"a{number}")
        await office.worker.drain()
        assert len(office.doer.done) == 20
        assert not office.submit("late")


async def test_draining_does_not_wait_for_ever() -> None:
    office = Office()
    async with office.open():
        office.doer.gate.clear()
        office.submit("a")
        await office.worker.drain(seconds=0.1)
        assert office.doer.done == []


@pytest.mark.parametrize("turns", range(6))
async def test_a_worker_that_is_told_to_stop_just_as_it_is_woken_stops(turns: int) -> None:
    office = Office()
    working = asyncio.create_task(office.worker.run(office.doer))
    await until(lambda: office.worker.accepts)
    office.worker.put_off(Task(BEN, Kind.EVENT, "later"), SystemClock().now() + timedelta(hours=1))
    await asyncio.sleep(0.01)
    office.submit("a")
    for _ in range(turns):
        await asyncio.sleep(0)
    working.cancel()
    await asyncio.wait({working}, timeout=1)
    assert working.cancelled()

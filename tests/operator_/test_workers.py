import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

import pytest

from outlook_addin_core.domain.clock import SystemClock
from outlook_addin_operator.cluster import ClusterError
from outlook_addin_operator.keys import Key
from outlook_addin_operator.schedule import Schedule
from outlook_addin_operator.workers import LONGEST_PAUSE, Workers, pause

GOOD, BAD = Key("OutlookAddin", "bank", "good"), Key("OutlookAddin", "bank", "bad")


@asynccontextmanager
async def working(workers: Workers) -> AsyncIterator[None]:
    task = asyncio.create_task(workers.run())
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110 - what is waited for is an effect
            await asyncio.sleep(0.01)


def now() -> datetime:
    return datetime.now(UTC)


async def test_one_key_that_fails_does_not_stop_the_others_and_is_tried_later() -> None:
    schedule, done = Schedule(), list[Key]()

    async def reconcile(key: Key) -> datetime | None:
        if key == BAD:
            raise ValueError("broken")
        done.append(key)
        return None

    workers = Workers(schedule, reconcile, SystemClock(), limit=1)
    async with working(workers):
        workers.wake(BAD, now())
        workers.wake(GOOD, now())
        await until(lambda: done == [GOOD])
        due = schedule.next_due()
        assert due is not None
        assert timedelta(seconds=3) < due - now() < timedelta(seconds=6)


async def test_an_earlier_wake_up_ends_the_sleep() -> None:
    schedule, done = Schedule(), list[Key]()

    async def reconcile(key: Key) -> datetime | None:
        done.append(key)
        return None

    workers = Workers(schedule, reconcile, SystemClock())
    async with working(workers):
        workers.wake(BAD, now() + timedelta(hours=1))
        await asyncio.sleep(0)
        workers.wake(GOOD, now())
        await until(lambda: done == [GOOD])
    assert len(schedule) == 1


async def test_no_more_run_at_once_than_allowed_and_never_one_key_twice() -> None:
    schedule, running, most, gate = Schedule(), list[Key](), list[int](), asyncio.Event()

    async def reconcile(key: Key) -> datetime | None:
        assert key not in running
        running.append(key)
        most.append(len(running))
        await gate.wait()
        running.remove(key)
        return None

    workers = Workers(schedule, reconcile, SystemClock(), limit=2)
    keys = [Key("OutlookAddin", "bank", str(number)) for number in range(5)]
    async with working(workers):
        for key in [*keys, *keys]:
            workers.wake(key, now())
        await until(lambda: len(running) == 2)
        workers.wake(running[0], now())
        gate.set()
        await until(lambda: not running and len(schedule) == 0)
    assert max(most) == 2
    assert len(most) == 6


def test_the_pause_grows_and_has_an_end() -> None:
    pauses = [pause(failures) for failures in range(1, 40)]
    assert pauses == sorted(pauses)
    assert pauses[0] == timedelta(seconds=5)
    assert pauses[-1] == LONGEST_PAUSE


async def test_an_api_server_that_is_away_is_said_in_a_line_per_key(caplog: pytest.LogCaptureFixture) -> None:
    schedule = Schedule()

    async def reconcile(_: Key) -> datetime | None:
        raise ClusterError("the API server cannot be reached")

    workers = Workers(schedule, reconcile, SystemClock())
    async with working(workers):
        workers.wake(BAD, now())
        await until(lambda: "ClusterError" in caplog.text)
    assert "Traceback" not in caplog.text


async def test_what_is_cancelled_is_due_at_once_for_whoever_goes_on() -> None:
    schedule, begun, done = Schedule(), asyncio.Event(), list[Key]()

    async def reconcile(key: Key) -> datetime | None:
        if not begun.is_set():
            begun.set()
            await asyncio.Event().wait()
        done.append(key)
        return None

    workers = Workers(schedule, reconcile, SystemClock(), limit=1)
    async with working(workers):
        workers.wake(GOOD, now())
        await begun.wait()
    async with working(workers):
        await until(lambda: done == [GOOD])


async def test_a_stop_finishes_what_is_under_way_and_begins_nothing() -> None:
    schedule, begun, may_end, done = Schedule(), asyncio.Event(), asyncio.Event(), list[Key]()

    async def reconcile(key: Key) -> datetime | None:
        begun.set()
        await may_end.wait()
        done.append(key)
        return None

    workers = Workers(schedule, reconcile, SystemClock(), limit=1)
    task = asyncio.create_task(workers.run())
    workers.wake(GOOD, now())
    await begun.wait()
    workers.wake(BAD, now())
    workers.finish()
    may_end.set()
    async with asyncio.timeout(5):
        await task
    assert done == [GOOD]


async def test_a_tenant_whose_requests_hang_holds_up_no_other() -> None:
    hung, done = asyncio.Event(), list[str]()

    async def reconcile(key: Key) -> datetime | None:
        if key.name.startswith("slow"):
            await hung.wait()
        done.append(key.name)
        return None

    schedule = Schedule(group=lambda key: key.name.split("-")[0], limit=16)
    workers = Workers(schedule, reconcile, SystemClock(), limit=16)
    async with working(workers):
        for number in range(40):
            workers.wake(Key("CalendarSubscription", "bank", f"slow-{number}"), now())
        await until(lambda: schedule.running == 11)
        for number in range(20):
            workers.wake(Key("CalendarSubscription", "bank", f"quick-{number}"), now())
        await until(lambda: len(done) == 20)
        assert schedule.running == 11
        hung.set()
        await until(lambda: len(done) == 60)

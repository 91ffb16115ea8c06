import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from outlook_addin_core.clients.errors import Denied, NotFound, Throttled
from outlook_addin_core.domain.clock import SystemClock
from outlook_addin_core.domain.mailbox import Mailbox
from outlook_addin_web.dirty_queue import DirtyQueue, Kind, Task
from outlook_addin_web.metrics import Metrics
from outlook_addin_web.worker import Worker
from web.fakes import ANNA, BEN, FakeClock
from web.polling import until


class Doer:
    """Notes what it did; fails as often as told."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.failures: dict[str, list[Exception]] = defaultdict(list)
        self.at_work: set[Mailbox] = set()
        self.most_at_work = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def carry_out(self, task: Task) -> None:
        assert task.mailbox not in self.at_work, "two tasks of one mailbox at the same time"
        self.at_work.add(task.mailbox)
        self.most_at_work = max(self.most_at_work, len(self.at_work))
        try:
            await self.gate.wait()
            if self.failures[task.subject]:
                raise self.failures[task.subject].pop()
            self.done.append(task.subject)
        finally:
            self.at_work.remove(task.mailbox)


class Office:
    """A worker with a doer."""

    def __init__(self, capacity: int = 100, clock: FakeClock | SystemClock | None = None) -> None:
        self.doer = Doer()
        self.queue = DirtyQueue(capacity)
        self.metrics = Metrics(CollectorRegistry())
        self.worker = Worker(self.queue, clock or SystemClock(), self.metrics)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        running = asyncio.create_task(self.worker.run(self.doer))
        await until(lambda: self.worker.accepts)
        try:
            yield
        finally:
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running

    def submit(self, name: str, mailbox: Mailbox = ANNA) -> bool:
        return self.worker.submit(Task(mailbox, Kind.EVENT, name))

    def ended(self, outcome: str) -> float:
        labels = {"kind": "event", "outcome": outcome}
        return self.metrics.registry.get_sample_value("outlook_addin_tasks_total", labels) or 0.0


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


async def test_a_throttled_task_is_done_once_the_service_allows_it() -> None:
    clock = FakeClock()
    office = Office(clock=clock)
    pause = timedelta(seconds=40)
    office.doer.failures["a"] = [Throttled("HTTP 429", operation="fake", retry_after=pause)]
    async with office.open():
        office.submit("a")
        await until(lambda: office.queue.next_time() == clock.now() + pause)
        clock.advance(pause)
        office.submit("b", BEN)
        await until(lambda: sorted(office.doer.done) == ["a", "b"])


async def test_a_task_that_a_person_has_to_see_to_is_tried_again_later() -> None:
    office = Office()
    office.doer.failures["a"] = [Denied("HTTP 403", operation="fake")]
    async with office.open():
        office.submit("a")
        await until(lambda: office.ended("put_back") == 1)
        assert len(office.queue) == 1


async def test_a_task_that_can_never_succeed_is_given_up() -> None:
    office = Office()
    office.doer.failures["a"] = [NotFound("HTTP 404", operation="fake", code="MailboxNotEnabledForRESTAPI")]
    async with office.open():
        office.submit("a")
        await until(lambda: office.ended("refused") == 1)
        assert len(office.queue) == 0


async def test_an_unforeseen_failure_hurts_no_other_task_and_its_text_is_not_logged(
    capsys: pytest.CaptureFixture[str],
) -> None:
    office = Office()
    office.doer.failures["a"] = [RuntimeError("subject: merger with Acme")]
    async with office.open():
        office.submit("a")
        office.submit("b")
        await until(lambda: office.doer.done == ["b"])
    assert office.ended("failed") == 1
    assert "Acme" not in capsys.readouterr().out


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

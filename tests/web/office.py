"""A worker that does what a test wants done."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from outlook_addin_core.clients.correlation import correlation
from outlook_addin_core.domain.clock import SystemClock
from outlook_addin_core.domain.mailbox import Mailbox
from outlook_addin_web.backoff import BackOff
from outlook_addin_web.dirty_queue import DirtyQueue
from outlook_addin_web.metrics import Metrics
from outlook_addin_web.tasks import Kind, Task
from outlook_addin_web.verdicts import Verdict, Verdicts
from outlook_addin_web.worker import Worker
from web.fakes import ANNA, FakeClock
from web.polling import until


class Doer:
    """Notes what it did; fails as often as told."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.correlations: list[str] = []
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
            self.correlations.append(correlation.get())
        finally:
            self.at_work.remove(task.mailbox)


class Office:
    """A worker with a doer."""

    def __init__(self, capacity: int = 100, clock: FakeClock | SystemClock | None = None) -> None:
        self.doer = Doer()
        self.queue = DirtyQueue(capacity)
        self.metrics = Metrics(CollectorRegistry())
        self.verdicts = Verdicts(timedelta(minutes=15))
        self.ended_tasks: list[Task] = []
        self.said: list[tuple[Mailbox, Verdict]] = []
        self.worker = Worker(
            self.queue,
            clock or SystemClock(),
            self.metrics,
            verdicts=self.verdicts,
            hears=self,
            backoff=BackOff(jitter=lambda: 1.0),
        )

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

    def ended(self, task: Task) -> None:
        self.ended_tasks.append(task)

    def say(self, mailbox: Mailbox, verdict: Verdict) -> None:
        self.said.append((mailbox, verdict))

    def submit(self, name: str, mailbox: Mailbox = ANNA) -> bool:
        return self.worker.submit(Task(mailbox, Kind.EVENT, name))

    def counted(self, outcome: str) -> float:
        labels = {"kind": "event", "outcome": outcome}
        return self.metrics.registry.get_sample_value("outlook_addin_tasks_total", labels) or 0.0

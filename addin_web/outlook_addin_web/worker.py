"""Works the queue off: one task per mailbox at a time, several mailboxes side by side."""

import asyncio
import contextlib
import logging
from datetime import timedelta
from typing import Final, Protocol

from outlook_addin_core.clients.errors import ClientError, NotFound, Rejected
from outlook_addin_core.domain.clock import Clock
from outlook_addin_core.domain.renewal import backoff
from outlook_addin_web.dirty_queue import DirtyQueue, Task
from outlook_addin_web.metrics import Metrics
from outlook_addin_web.ports import StoreUnavailable

log = logging.getLogger(__name__)

CONCURRENCY: Final = 8
"""Mailboxes at a time. Graph allows four requests at a time for each mailbox; we need one."""
SHORTEST_PAUSE: Final = timedelta(seconds=1)
DRAIN_SECONDS: Final = 15.0
"""How long a process that is told to stop still works; Kubernetes waits 30 s, 5 of them in preStop."""


class Does(Protocol):
    """Whoever knows how to carry a task out."""

    async def carry_out(self, task: Task) -> None:
        """Do one task; raises ClientError or StoreUnavailable if it has to be tried again."""
        ...


class Worker:
    """Takes tasks from the queue, has them carried out and puts back what failed.

    Args:
        queue: The only way in is ``submit``, so that nobody else has to wake the worker.
        concurrency: How many mailboxes at a time.
    """

    def __init__(
        self, queue: DirtyQueue, clock: Clock, metrics: Metrics, *, concurrency: int = CONCURRENCY
    ) -> None:
        self._queue = queue
        self._clock = clock
        self._metrics = metrics
        self._slots = asyncio.Semaphore(concurrency)
        self._wake = asyncio.Event()
        self._running = False

    @property
    def accepts(self) -> bool:
        """Whether the worker is at work, so that what is submitted will be done."""
        return self._running

    def submit(self, task: Task) -> bool:
        """Note a task; False if the worker is not at work or the queue is full."""
        if not self._running or not self._queue.add(task):
            return False
        self._metrics.queued.set(len(self._queue))
        self._wake.set()
        return True

    async def run(self, does: Does) -> None:
        """Work until cancelled."""
        self._running = True
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    await self._slots.acquire()
                    group.create_task(self._do(does, await self._next()))
        finally:
            self._running = False

    async def drain(self, seconds: float = DRAIN_SECONDS) -> None:
        """Accept nothing more and wait until what is due has been done, or the time is up."""
        self._running = False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self._queue.at_rest(self._clock.now()):
                    self._wake.set()
                    await asyncio.sleep(0.05)

    async def _next(self) -> Task:
        while True:
            self._wake.clear()
            task = self._queue.take(self._clock.now())
            if task is not None:
                self._metrics.queued.set(len(self._queue))
                return task
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), self._until_due())

    def _until_due(self) -> float | None:
        due = self._queue.next_time()
        return None if due is None else max((due - self._clock.now()).total_seconds(), 0.01)

    async def _do(self, does: Does, task: Task) -> None:
        try:
            await self._attempt(does, task)
        finally:
            self._slots.release()
            self._wake.set()

    async def _attempt(self, does: Does, task: Task) -> None:
        try:
            await does.carry_out(task)
        except (NotFound, Rejected) as error:
            self._end(task, "refused", error)
        except (ClientError, StoreUnavailable) as error:
            self._put_back(task, error)
        except Exception as error:
            log.exception("a task failed in an unforeseen way", extra=_context(task, error))
            self._end(task, "failed")
        else:
            self._end(task, "done")

    def _end(self, task: Task, outcome: str, error: ClientError | None = None) -> None:
        if error is not None:
            log.warning("a task was refused and is given up: %s", error, extra=_context(task, error))
        self._metrics.tasks.labels(task.kind.value, outcome).inc()
        self._queue.done(task.mailbox)

    def _put_back(self, task: Task, error: ClientError | StoreUnavailable) -> None:
        pause = getattr(error, "retry_after", None) or backoff(self._queue.failures(task.mailbox) + 1)
        self._queue.retry(task, self._clock.now() + max(pause, SHORTEST_PAUSE))
        self._metrics.tasks.labels(task.kind.value, "put_back").inc()
        log.warning("a task is tried again in %s: %s", pause, error, extra=_context(task, error))


def _context(task: Task, error: Exception | None = None) -> dict[str, str]:
    kind = type(error).__name__ if error else ""
    return {"mailbox": task.mailbox.log_id, "task": task.kind.value, "error": kind}

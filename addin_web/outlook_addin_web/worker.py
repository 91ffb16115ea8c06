"""Works the queue off: one task per mailbox at a time, several mailboxes and all tenants side by side.

A failure keeps only those waiting whom it concerns (``blame``). A task that fails for a reason of its own is
tried a few times and then parked: the next sweep, or the next notification about it, tries it again.
"""

import asyncio
import contextlib
import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from outlook_addin_core.clients.correlation import correlated
from outlook_addin_core.clients.errors import ClientError
from outlook_addin_core.domain.clock import Clock
from outlook_addin_core.domain.mailbox import Mailbox
from outlook_addin_web.backoff import LONGEST, BackOff
from outlook_addin_web.blame import Blame, Scope, blame
from outlook_addin_web.dirty_queue import DirtyQueue
from outlook_addin_web.metrics import Metrics
from outlook_addin_web.ports import StoreUnavailable
from outlook_addin_web.tasks import Kind, Place, Task
from outlook_addin_web.tracing import work_failed, working
from outlook_addin_web.verdicts import PATIENCE, Verdict, Verdicts, failing, parked

log = logging.getLogger(__name__)

MOST_TRIES: Final = {Kind.EVENT: 5, Kind.CONVERSATION: 5, Kind.RENEWAL: 5, Kind.MAILBOX: 2}
"""How often a task may fail for a reason of its own. A sweep must not wait long for one mailbox."""
_PROOF: Final = 2
"""Places at which a service has failed, and at none in between done well, before it counts as down."""
DRAIN_SECONDS: Final = 15.0
"""How long a process that is told to stop still works; Kubernetes waits 30 s, 5 of them in preStop."""


@dataclass(frozen=True)
class _Trouble:
    """Why nobody can be worked on, and until when that counts if nobody runs into it again."""

    verdict: Verdict
    until: datetime


class Does(Protocol):
    """Whoever knows how to carry a task out."""

    async def carry_out(self, task: Task) -> None:
        """Do one task; raises ClientError or StoreUnavailable if it has to be tried again."""
        ...


class Hears(Protocol):
    """Whoever wants to know how the work goes."""

    def ended(self, task: Task) -> None:
        """A task is not worked on any more, whatever became of it."""
        ...

    def say(self, mailbox: Mailbox, verdict: Verdict) -> None:
        """Something is known about a mailbox."""
        ...


class Worker:
    """Takes tasks from the queue, has them carried out and puts back what failed.

    Args:
        queue: The only way in is ``submit``, so that nobody else has to wake the worker.
        verdicts: What is known about each mailbox.
        hears: Is told what has ended, and what is to be said about mailboxes.
        backoff: Who has to wait, and how long.
    """

    def __init__(  # noqa: PLR0913 - the parts, each by its name
        self,
        queue: DirtyQueue,
        clock: Clock,
        metrics: Metrics,
        *,
        verdicts: Verdicts,
        hears: Hears,
        backoff: BackOff | None = None,
    ) -> None:
        self._queue = queue
        self._clock = clock
        self._metrics = metrics
        self._verdicts = verdicts
        self._hears = hears
        self._backoff = backoff or BackOff()
        self._troubles: dict[object, _Trouble] = {}
        self._failed_by_unblu: set[tuple[Mailbox, Place]] = set()
        self._failed_at: dict[object, set[tuple[Mailbox, Place]]] = {}
        self._wake = asyncio.Event()
        self._running = False
        metrics.queued.set_function(lambda: len(queue))
        metrics.parked_now.set_function(lambda: verdicts.parked_count(clock.now()))

    @property
    def accepts(self) -> bool:
        """Whether the worker is at work, so that what is submitted will be done."""
        return self._running

    def submit(self, task: Task) -> bool:
        """Note a task; False if the worker is not at work or the queue is full."""
        if not self._running or not self._queue.add(task):
            return False
        self._wake.set()
        return True

    def put_off(self, task: Task, when: datetime) -> None:
        """Note a task that follows from another one and must not be done before a time."""
        if when <= self._clock.now():
            self._queue.put(task)
        else:
            self._queue.add_later(task, when)
        self._wake.set()

    def trouble(self, tenant_id: str) -> Verdict | None:
        """Return why a tenant's mailboxes cannot be worked on at the moment, if it lasts."""
        known = filter(None, map(self._troubles.get, (tenant_id, Scope.UNBLU)))
        return next((each.verdict for each in known if self._clock.now() < each.until), None)

    async def run(self, does: Does) -> None:
        """Work until cancelled."""
        self._running = True
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    group.create_task(self._do(does, await self._next()))
        finally:
            self._running = False

    async def drain(self, seconds: float = DRAIN_SECONDS) -> None:
        """Accept nothing more and wait until what can be done has been done, or the time is up."""
        self._running = False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self._queue.at_rest(self._clock.now()):
                    self._wake.set()
                    await asyncio.sleep(0.05)
        if len(self._queue):
            log.warning("the process ends with work undone; the next sweep finds it")

    async def _next(self) -> Task:
        while True:
            self._wake.clear()
            task = self._queue.take(self._clock.now())
            if task is not None:
                return task
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._until_due()):
                    await self._wake.wait()

    def _until_due(self) -> float | None:
        due = self._queue.next_time()
        return None if due is None else max((due - self._clock.now()).total_seconds(), 0.01)

    async def _do(self, does: Does, task: Task) -> None:
        started = self._clock.now()
        try:
            with correlated(task.correlation), working(task):
                await self._attempt(does, task, started)
        finally:
            self._wake.set()

    async def _attempt(self, does: Does, task: Task, started: datetime) -> None:
        try:
            await does.carry_out(task)
        except Exception as error:  # noqa: BLE001 - no task may end the worker; what it was is told
            work_failed(error)
            self._failed(task, error, blame(error), started)
        else:
            self._succeeded(task)

    def _succeeded(self, task: Task) -> None:
        self._is_well((task.mailbox, task.place), task.mailbox)
        if task.kind is not Kind.RENEWAL:
            self._is_well(task.mailbox.tenant_id)
        if task.kind is Kind.MAILBOX:
            self._is_well(Scope.UNBLU)
        self._wait_no_more(task)
        self._verdicts.carried_over(task.mailbox, task.place)
        if task.since is not None and task.kind is Kind.EVENT:
            self._metrics.lag.observe((self._clock.now() - task.since).total_seconds())
        self._end(task, "done")

    def _is_well(self, *keys: object) -> None:
        for key in keys:
            self._backoff.succeeded(key)
            self._troubles.pop(key, None)
            self._failed_at.pop(key, None)

    def _wait_no_more(self, task: Task) -> None:
        """Take a task off the list of those that Unblu has failed.

        Most tasks never talk to Unblu, so only these and looks at whole mailboxes show that it is well again.
        """
        place = (task.mailbox, task.place)
        if place in self._failed_by_unblu or place in self._failed_at.get(Scope.UNBLU, ()):
            self._failed_by_unblu.clear()
            self._is_well(Scope.UNBLU)

    def _failed(self, task: Task, error: Exception, why: Blame, started: datetime) -> None:
        task, why = replace(task, tries=task.tries + why.own), self._narrowed(task, why)
        if why.hopeless or task.tries >= MOST_TRIES[task.kind]:
            self._park(task, error, why)
        else:
            self._put_back(task, error, why, started)

    def _narrowed(self, task: Task, why: Blame) -> Blame:
        """Leave it at the task while only one place fails: of a service that is down, the next one tells."""
        if not why.own or why.scope is Scope.MAILBOX:
            return why
        places = self._failed_at.setdefault(_key(task, why), set())
        if len(places) < _PROOF:
            places.add((task.mailbox, task.place))
        return why if len(places) >= _PROOF else replace(why, scope=Scope.MAILBOX)

    def _park(self, task: Task, error: Exception, why: Blame) -> None:
        """Give a task up for now; nobody is left to notice that its tenant's trouble is over."""
        verdict = parked(why.reason, why.remedy)
        self._is_well((task.mailbox, task.place))
        for places in self._failed_at.values():
            places.discard((task.mailbox, task.place))
        self._troubles.pop(task.mailbox.tenant_id, None)
        self._wait_no_more(task)
        self._verdicts.park(task.mailbox, task.place, verdict, self._clock.now())
        self._metrics.parked.labels(task.kind.value, why.reason).inc()
        _tell(error, "a task is parked until the next sweep", task)
        self._end(task, "parked")

    def _put_back(self, task: Task, error: Exception, why: Blame, started: datetime) -> None:
        now, key = self._clock.now(), _key(task, why)
        until = self._backoff.failed(key, started, now, getattr(error, "retry_after", None))
        self._hold(task, why, until)
        self._metrics.failures.labels(why.scope.value, why.reason).inc()
        self._metrics.tasks.labels(task.kind.value, "put_back").inc()
        _tell(error, f"a task is tried again in {_seconds(until - now)} s", task)
        if self._backoff.failures(key) >= PATIENCE or why.reason in _TOLD_AT_ONCE:
            verdict = failing(why.reason, why.remedy)
            if why.scope is not Scope.MAILBOX:
                self._troubles[key] = _Trouble(verdict, until + LONGEST)
            self._verdicts.trouble(task.mailbox)
            self._hears.say(task.mailbox, verdict)

    def _hold(self, task: Task, why: Blame, until: datetime) -> None:
        """Keep those waiting whom the failure concerns: a task of its own kind holds up nobody else."""
        self._verdicts.retry(task.mailbox, task.place)
        if why.scope is Scope.UNBLU:
            self._failed_by_unblu.add((task.mailbox, task.place))
        if why.scope is Scope.MAILBOX and why.own:
            self._queue.add_later(task, until)
            self._queue.done(task.mailbox)
            return
        if why.scope is not Scope.MAILBOX:
            self._queue.hold(None if why.scope is Scope.UNBLU else task.mailbox.tenant_id, until)
        self._queue.retry(task, until)

    def _end(self, task: Task, outcome: str) -> None:
        self._metrics.tasks.labels(task.kind.value, outcome).inc()
        last = self._queue.done(task.mailbox)
        self._hears.ended(task)
        verdict = self._verdicts.settled(task.mailbox, self._clock.now()) if last else None
        if verdict is not None:
            self._hears.say(task.mailbox, verdict)


_TOLD_AT_ONCE: Final = frozenset({"CredentialsRefused", "GraphDenied", "InsufficientRole"})
"""These do not pass by themselves."""


def _key(task: Task, why: Blame) -> object:
    if why.scope is Scope.MAILBOX:
        return (task.mailbox, task.place) if why.own else task.mailbox
    return Scope.UNBLU if why.scope is Scope.UNBLU else task.mailbox.tenant_id


def _seconds(span: timedelta) -> int:
    return round(span.total_seconds())


def _tell(error: Exception, message: str, task: Task) -> None:
    """Log a failure; the text of one that nobody foresaw may hold what somebody typed."""
    extra = {"mailbox": task.mailbox.log_id, "task": task.kind.value, "error": type(error).__name__}
    if isinstance(error, (ClientError, StoreUnavailable)):
        log.warning("%s: %s", message, error, extra=extra)
    else:
        log.error("%s", message, exc_info=error, extra=extra)

"""Compares everything, over and over, so that nothing that was lost stays lost.

At start, when somebody asks, and every ``sweepInterval``, each mailbox becomes a task of the ordinary worker,
a few per tenant at a time: changes that are notified never wait long, and a tenant that cannot be read keeps
no other waiting. Only the replica that holds the Lease does this; a second one would do no harm.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import timedelta
from typing import Final, NamedTuple
from uuid import uuid4

from outlook_addin_core.clients.errors import ClientError
from outlook_addin_core.domain.clock import Clock
from outlook_addin_core.domain.links import SourceId
from outlook_addin_core.domain.mailbox import Mailbox
from outlook_addin_web.metrics import Metrics
from outlook_addin_web.ports import Conversations, Followed, StoreUnavailable, Subscriptions
from outlook_addin_web.sweep_plan import SweepPlan, plan, serving
from outlook_addin_web.tasks import Kind, Task
from outlook_addin_web.verdicts import Verdict

log = logging.getLogger(__name__)

AT_ONCE: Final = 4
"""Mailboxes of one tenant at a time: half of what the worker does at once, so that changes need not wait."""
FULL_PAUSE: Final = 1.0
"""Seconds to wait when the queue is full; notifications come first. And how often trouble is looked for."""
ASK_EVERY: Final = 15.0
"""Seconds between two looks at the OutlookAddin's annotation."""
LONGEST_LOOK: Final = timedelta(minutes=10)
"""How long a sweep waits for one mailbox; its task stays in the queue."""
RETRY: Final = 5.0
"""Seconds until a sweep that could not even begin is tried again."""
LONGEST_REQUEST: Final = 64
"""Characters of the annotation that are repeated in the log."""
BOOKKEEPING_PAUSE: Final = 0.05
"""Seconds between two writes to Kubernetes."""


class _Noted(NamedTuple):
    """What is remembered about each of many subscriptions."""

    request: str
    subscription_id: str


class Sweeper:
    """Sweeps for as long as ``run`` is not cancelled.

    Args:
        addin_id: Whose conversations are listed.
        tenant_ids: Whose mailboxes are served.
        interval: From the beginning of one sweep to that of the next.
        retention: How long a subscription that nobody needs is kept.
        limit: How many subscriptions there may be.
        submit: Notes a task; False if there is no room.
        trouble: Tells why a tenant cannot be worked on, if it cannot.
        say: Is told what is known about a mailbox.
        learn: Is told what the subscriptions say.
    """

    def __init__(  # noqa: PLR0913 - the parts, each by its name
        self,
        *,
        addin_id: str,
        tenant_ids: tuple[str, ...],
        interval: timedelta,
        retention: timedelta,
        limit: int,
        conversations: Conversations,
        subscriptions: Subscriptions,
        submit: Callable[[Task], bool],
        trouble: Callable[[str], Verdict | None],
        say: Callable[[Mailbox, Verdict], None],
        learn: Callable[[Mailbox, Verdict | None], None],
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._prefix = SourceId.prefix_of_all(addin_id)
        self._tenant_ids = tenant_ids
        self._interval = interval
        self._retention = retention
        self._limit = limit
        self._conversations = conversations
        self._subscriptions = subscriptions
        self._submit = submit
        self._trouble = trouble
        self._say = say
        self._learn = learn
        self._clock = clock
        self._metrics = metrics
        self._requested = asyncio.Event()
        self._waiting: dict[Mailbox, asyncio.Event] = {}
        self._known: dict[str, _Noted] = {}
        self._planned = asyncio.Event()

    def request(self) -> None:
        """Have everything swept as soon as the sweep that is under way has ended."""
        self._requested.set()

    def ended(self, task: Task) -> None:
        """Note that a mailbox was looked at, or could not be; the next one can go."""
        if task.kind is Kind.MAILBOX and task.mailbox in self._waiting:
            self._waiting.pop(task.mailbox).set()

    async def run(self) -> None:
        """Sweep until cancelled: now, when asked, and every interval."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._sweep_forever())
            group.create_task(self._ask_forever())
            group.create_task(self._watch_forever())

    async def sweep(self) -> bool:
        """Look at every mailbox once; False if that could not even begin."""
        started = self._clock.monotonic()
        try:
            answers = await self._subscriptions.sweep_request()
            wanted = await self._plan()
        except (ClientError, StoreUnavailable) as error:
            log.warning("a sweep cannot begin: %s", error)
            self._metrics.sweeps.labels("failed").inc()
            return False
        count = sum(map(len, wanted.by_tenant.values()))
        log.info("a sweep begins", extra={"mailboxes": count, "resting": len(wanted.resting)})
        await self._follow(wanted)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._bookkeeping(wanted))
            tenants = [group.create_task(self._tenant(each)) for each in wanted.by_tenant.values()]
        hopeless = [each for each in wanted.resting if self._is_hopeless(each)]
        complete = not hopeless and all(each.result() for each in tenants)
        self._finish(started, answers, complete=complete)
        return True

    def _finish(self, started: float, answers: str, *, complete: bool) -> None:
        """Tell that a sweep has ended, and which request it answers: the one that stood there before."""
        self._metrics.sweeps.labels("complete" if complete else "incomplete").inc()
        self._metrics.sweep_seconds.observe(self._clock.monotonic() - started)
        if complete:
            self._metrics.last_sweep.set(self._clock.now().timestamp())
        request = {"request": answers[:LONGEST_REQUEST]} if answers else {}
        log.info("a sweep has ended", extra={"complete": complete, **request})

    async def _sweep_forever(self) -> None:
        while True:
            self._requested.clear()
            started = self._clock.monotonic()
            pause = self._interval.total_seconds() if await self.sweep() else RETRY
            await self._pause(max(pause - (self._clock.monotonic() - started), 0.0))

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._requested.wait()
        except TimeoutError:
            return

    async def _plan(self) -> SweepPlan:
        followed = [each async for each in self._subscriptions.all()]
        self._known = {each.name: _noted(each) for each in followed}
        self._planned.set()
        for each in serving(followed):
            self._learn(each.mailbox, each.verdict)
        opened: dict[Mailbox, bool] = {}
        async for conversation in self._conversations.search_mailbox(self._prefix):
            source = SourceId.parse(conversation.source_id or "")
            if source is not None and not conversation.is_over:
                linked = opened.get(source.mailbox, False) or conversation.marker is not None
                opened[source.mailbox] = linked
        return plan(
            followed,
            opened,
            self._tenant_ids,
            self._clock.now(),
            retention=self._retention,
            interval=self._interval,
        )

    async def _tenant(self, mailboxes: Sequence[Mailbox]) -> bool:
        """Look at a tenant's mailboxes, a few at a time; tells whether all of them could be looked at."""
        todo = iter(mailboxes)
        async with asyncio.TaskGroup() as group:
            lookers = [group.create_task(self._look_through(todo)) for _ in range(AT_ONCE)]
        return all(each.result() for each in lookers)

    async def _look_through(self, todo: Iterator[Mailbox]) -> bool:
        return all([await self._look(mailbox) for mailbox in todo])

    async def _look(self, mailbox: Mailbox) -> bool:
        """Have a mailbox looked at; False where nothing can be done for its tenant, or it takes too long."""
        done = self._waiting.setdefault(mailbox, asyncio.Event())
        task = Task(mailbox, Kind.MAILBOX, correlation=str(uuid4()))
        begun, submitted = self._clock.monotonic(), False
        while not done.is_set():
            is_late = self._clock.monotonic() - begun >= LONGEST_LOOK.total_seconds()
            if is_late or self._is_hopeless(mailbox):
                self._waiting.pop(mailbox, None)
                return False
            submitted = submitted or self._submit(task)
            await _wait(done, FULL_PAUSE)
        return True

    def _is_hopeless(self, mailbox: Mailbox) -> bool:
        """Say so about every mailbox of a tenant that cannot be worked on; its tasks stay in the queue."""
        trouble = self._trouble(mailbox.tenant_id)
        if trouble is not None:
            self._say(mailbox, trouble)
        return trouble is not None

    async def _follow(self, wanted: SweepPlan) -> None:
        """Make the subscriptions that are missing, so that there is something to say their state of."""
        room = self._limit - await self._count() if wanted.missing else 0
        for mailbox in wanted.missing[: max(room, 0)]:
            if await self._kept(self._subscriptions.create(mailbox, None)):
                self._metrics.repairs.labels("subscription").inc()

    async def _bookkeeping(self, wanted: SweepPlan) -> None:
        """Keep the subscriptions in order; what fails is done by the next sweep."""
        for followed in wanted.needed:
            await self._kept(self._subscriptions.note_needed(followed, self._clock.now().date()))
        for followed in wanted.idle:
            if await self._kept(self._subscriptions.remove(followed)):
                log.info("an idle subscription was deleted", extra={"mailbox": followed.mailbox.log_id})

    async def _count(self) -> int:
        try:
            return await self._subscriptions.count()
        except StoreUnavailable:
            return self._limit

    async def _kept(self, write: Awaitable[None]) -> bool:
        try:
            await write
        except StoreUnavailable as error:
            log.warning("bookkeeping failed: %s", error)
            return False
        finally:
            await asyncio.sleep(BOOKKEEPING_PAUSE)
        return True

    async def _ask_forever(self) -> None:
        """Sweep when the OutlookAddin's annotation changes."""
        known: str | None = None
        while True:
            try:
                asked = await self._subscriptions.sweep_request()
            except StoreUnavailable as error:
                log.warning("requests for a sweep cannot be read: %s", error)
            else:
                if known is not None and asked not in {known, ""}:
                    log.info("a sweep was asked for")
                    self.request()
                known = asked
            await asyncio.sleep(ASK_EVERY)

    async def _watch_forever(self) -> None:
        """Look at a mailbox when its annotation asks for it, and once it has a subscription that is new.

        What was there when the first sweep began is that sweep's business.
        """
        await self._planned.wait()
        while True:
            try:
                async for followed in self._subscriptions.changes():
                    self._compare(followed)
            except StoreUnavailable as error:
                log.warning("subscriptions cannot be watched: %s", error)
            await asyncio.sleep(RETRY)

    def _compare(self, followed: Followed) -> None:
        before = self._known.pop(followed.name, None)
        if before is None or followed.deleted:
            self._learn(
                followed.mailbox, None
            )  # what was said may stand in another object than the next time
        if followed.deleted:
            return
        before, now = before or _Noted("", ""), _noted(followed)
        self._known[followed.name] = now
        if followed.mailbox.tenant_id not in self._tenant_ids:
            return
        asked = now.request not in {before.request, ""}
        replaced = now.subscription_id not in {before.subscription_id, ""}
        if asked or replaced:
            task = Task(followed.mailbox, Kind.MAILBOX, correlation=str(uuid4()))
            if not self._submit(task):
                self.request()  # which waits for room


def _noted(followed: Followed) -> _Noted:
    return _Noted(followed.sync_requested, followed.subscription_id)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return

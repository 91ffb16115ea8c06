"""Puts the synchronisation together; imported only when it is switched on, which keeps memory small."""

import asyncio
import contextlib
import os
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Final

from outlook_addin_core.domain.clock import Clock
from outlook_addin_core.domain.config import AddinConfig
from outlook_addin_core.domain.decisions import Policy
from outlook_addin_core.domain.mailbox import Mailbox
from outlook_addin_web.dirty_queue import DirtyQueue
from outlook_addin_web.intake import Intake
from outlook_addin_web.keeper import Keeper
from outlook_addin_web.leadership import Leadership
from outlook_addin_web.mailbox_api import MailboxApi
from outlook_addin_web.metrics import Metrics
from outlook_addin_web.outside import Outside, connect
from outlook_addin_web.recorded import Recorded, RememberedConversations
from outlook_addin_web.reports import Reports
from outlook_addin_web.role import Role
from outlook_addin_web.settings import Settings
from outlook_addin_web.survey import Survey
from outlook_addin_web.sweeper import Sweeper
from outlook_addin_web.synchroniser import Synchroniser
from outlook_addin_web.tasks import Task
from outlook_addin_web.verdicts import REPAIRING, Verdict, Verdicts
from outlook_addin_web.worker import Worker

__all__ = ["CAPACITY", "Outside", "Sync", "connect", "connected"]

CAPACITY: Final = 20_000
"""Tasks that may wait: some twenty megabytes, and the notifications of many minutes."""
SHORTEST_INTERVAL: Final = timedelta(seconds=1)
LAST_WORDS: Final = 2.0
"""Seconds that a process that ends may still write conditions."""


class Sync:
    """The running synchronisation: the two HTTP edges, the worker behind them, and the sweeper.

    Args:
        keys: What clientStates are signed with.
        identity: This process among the replicas.
        capacity: How many tasks may wait.
    """

    def __init__(  # noqa: PLR0913 - the parts, each by its name
        self,
        *,
        config: AddinConfig,
        keys: Sequence[bytes],
        outside: Outside,
        clock: Clock,
        metrics: Metrics,
        identity: str = "",
        capacity: int = CAPACITY,
    ) -> None:
        self._clock = clock
        self._metrics = metrics
        self._tasks: list[asyncio.Task[None]] = []
        self._verdicts = Verdicts(config.sync_server_sweep_interval)
        self.reports = Reports(outside.subscriptions)
        queue = DirtyQueue(capacity, tenants=len(config.tenant_ids))
        self.worker = Worker(queue, clock, metrics, verdicts=self._verdicts, hears=self)
        self.intake = Intake(
            keys=keys,
            tenant_ids=config.tenant_ids,
            accepts=lambda: self.worker.accepts,
            submit=self.worker.submit,
            clock=clock,
            metrics=metrics,
        )
        self.api = MailboxApi(
            verify=outside.verify,
            known_to_unblu=outside.known_to_unblu,
            subscriptions=outside.subscriptions,
            limit=config.sync_server_max_subscriptions,
            clock=clock,
            metrics=metrics,
        )
        self._recorded = Recorded()
        self._conversations = RememberedConversations(outside.conversations, self._recorded, config.addin_id)
        self._sweep_interval = max(config.sync_server_sweep_interval, SHORTEST_INTERVAL)
        self._synchroniser = self._build_synchroniser(config, outside)
        self.sweeper = self._build_sweeper(config, outside)
        name = identity or f"replica-{secrets.token_hex(4)}"
        self.leadership = Leadership(outside.lease, name, clock, metrics)

    @property
    def ready(self) -> bool:
        """Whether notifications are accepted."""
        return self.worker.accepts

    @property
    def alive(self) -> bool:
        """False once a part has ended although nobody stopped it."""
        return not any(task.done() for task in self._tasks)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Work until the block ends; then finish what can be done, within limits, and leave the rest.

        What is left undone is found by the next sweep, of another replica or of the next process.
        """
        working = asyncio.create_task(self.worker.run(self._synchroniser))
        await asyncio.sleep(0)
        reporting = asyncio.create_task(self.reports.run())
        sweeping = asyncio.create_task(self.leadership.run(self.sweeper.run), name="sweeping")
        remembering = asyncio.create_task(
            self._conversations.keep_up(lambda: self.leadership.leads, self._sweep_interval)
        )
        self._tasks = [working, reporting, sweeping, remembering]
        try:
            yield
        finally:
            await _cancel(sweeping)
            await _cancel(remembering)
            await self.worker.drain()
            await _cancel(working)
            await _cancel(reporting)
            await self.reports.flush(LAST_WORDS)

    def ended(self, task: Task) -> None:
        """Hear from the worker that a task is not worked on any more."""
        self.sweeper.ended(task)

    def say(self, mailbox: Mailbox, verdict: Verdict) -> None:
        """Hear what is known about a mailbox."""
        self.reports.say(mailbox, verdict)

    def _surveyed(self, mailbox: Mailbox, found: Survey, may_delete: bool) -> None:  # noqa: FBT001 - as it was found
        self._verdicts.sweep(mailbox, may_delete=may_delete)
        if found.needs_repair:
            self.say(mailbox, REPAIRING)

    def _build_synchroniser(self, config: AddinConfig, outside: Outside) -> Synchroniser:
        policy = Policy(
            may_delete=False,
            grace=config.sync_server_deletion_grace_period,
            draft_grace=config.sync_server_draft_grace_period,
        )
        keeper = Keeper(
            addin_id=config.addin_id,
            policy=policy,
            events=outside.events,
            conversations=self._conversations,
            role=Role(self._conversations, self._clock, self._metrics),
            put_off=self.worker.put_off,
            clock=self._clock,
            metrics=self._metrics,
        )
        return Synchroniser(
            addin_id=config.addin_id,
            keeper=keeper,
            events=outside.events,
            conversations=self._conversations,
            recorded=self._recorded,
            subscriptions=outside.subscriptions,
            put_off=self.worker.put_off,
            surveyed=self._surveyed,
            clock=self._clock,
            metrics=self._metrics,
        )

    def _build_sweeper(self, config: AddinConfig, outside: Outside) -> Sweeper:
        return Sweeper(
            addin_id=config.addin_id,
            tenant_ids=config.tenant_ids,
            interval=self._sweep_interval,
            retention=config.sync_server_idle_subscription_retention,
            limit=config.sync_server_max_subscriptions,
            conversations=self._conversations,
            subscriptions=outside.subscriptions,
            submit=self.worker.submit,
            trouble=self.worker.trouble,
            say=self.say,
            learn=self.reports.learn,
            clock=self._clock,
            metrics=self._metrics,
        )


@asynccontextmanager
async def connected(
    settings: Settings, config: AddinConfig, environ: Mapping[str, str], clock: Clock, metrics: Metrics
) -> AsyncIterator[Sync]:
    """Connect to Graph, Unblu, Entra and Kubernetes, and run the synchronisation until the block ends."""
    async with AsyncExitStack() as stack:
        outside = await connect(stack, settings, config, environ, clock, metrics)
        sync = Sync(
            config=config,
            keys=settings.webhook_keys,
            outside=outside,
            clock=clock,
            metrics=metrics,
            identity=_identity(environ),
        )
        await stack.enter_async_context(sync.running())
        yield sync


def _identity(environ: Mapping[str, str]) -> str:
    """Name the process, not only the pod: a container that was restarted in its pod is another one."""
    return f"{environ.get('POD_NAME') or os.uname().nodename}_{secrets.token_hex(4)}"


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task

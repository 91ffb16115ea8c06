"""Puts the synchronisation together; imported only when it is switched on, which keeps memory small."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

import httpx2

from outlook_addin_core.clients import kubernetes
from outlook_addin_core.clients.graph_events import GraphEvents
from outlook_addin_core.clients.http import make_client
from outlook_addin_core.clients.tokens import GatewayTokenSource, TokenSource
from outlook_addin_core.clients.unblu import Unblu
from outlook_addin_core.domain.clock import Clock
from outlook_addin_core.domain.config import AddinConfig
from outlook_addin_core.domain.decisions import Policy
from outlook_addin_core.domain.events import Event, Gone
from outlook_addin_core.domain.mailbox import Mailbox
from outlook_addin_web.dirty_queue import DirtyQueue, Task
from outlook_addin_web.intake import Intake
from outlook_addin_web.mailbox_api import MailboxApi
from outlook_addin_web.metrics import Metrics
from outlook_addin_web.ports import Conversations, Events, Subscriptions
from outlook_addin_web.repair import look_at_everything
from outlook_addin_web.role import Role
from outlook_addin_web.settings import Settings
from outlook_addin_web.subscriptions import KubernetesSubscriptions
from outlook_addin_web.synchroniser import Synchroniser
from outlook_addin_web.user_tokens import Caller, UserTokens
from outlook_addin_web.worker import Worker

CAPACITY: Final = 20_000
"""Tasks that may wait: some ten megabytes, and the notifications of many minutes."""


@dataclass(frozen=True)
class Outside:
    """Everything that the synchronisation talks to; in tests, fakes with a state.

    Args:
        verify: Returns whose token it is.
        known_to_unblu: Succeeds if the Auth Gateway knows the token's owner.
    """

    events: Events
    conversations: Conversations
    subscriptions: Subscriptions
    verify: Callable[[str], Awaitable[Caller]]
    known_to_unblu: Callable[[str], Awaitable[None]]


class Sync:
    """The running synchronisation: the two HTTP edges and the worker behind them.

    Args:
        keys: What clientStates are signed with.
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
        capacity: int = CAPACITY,
    ) -> None:
        self._config = config
        self._outside = outside
        self._queue = DirtyQueue(capacity)
        self._task: asyncio.Task[None] | None = None
        self.worker = Worker(self._queue, clock, metrics)
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
        self._synchroniser = Synchroniser(
            addin_id=config.addin_id,
            policy=Policy(may_delete=False, grace=config.sync_server_deletion_grace_period),
            events=outside.events,
            conversations=outside.conversations,
            subscriptions=outside.subscriptions,
            role=Role(outside.conversations, clock, metrics),
            put_off=self._put_off,
            clock=clock,
            metrics=metrics,
        )

    @property
    def ready(self) -> bool:
        """Whether notifications are accepted."""
        return self.worker.accepts

    @property
    def alive(self) -> bool:
        """False once the worker has ended although nobody stopped it."""
        return self._task is None or not self._task.done()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Work until the block ends; then finish what is due, within limits."""
        self._task = asyncio.create_task(self.worker.run(self._synchroniser))
        await asyncio.sleep(0)
        repair = asyncio.create_task(
            look_at_everything(self._config.addin_id, self._outside.conversations, self.worker.submit)
        )
        try:
            yield
        finally:
            await _cancel(repair)
            await self.worker.drain()
            await _cancel(self._task)

    def _put_off(self, task: Task, when: datetime) -> None:
        self._queue.add_later(task, when)


@asynccontextmanager
async def connected(
    settings: Settings, config: AddinConfig, environ: Mapping[str, str], clock: Clock, metrics: Metrics
) -> AsyncIterator[Sync]:
    """Connect to Graph, Unblu, Entra and Kubernetes, and run the synchronisation until the block ends."""
    async with AsyncExitStack() as stack:
        outside = await connect(stack, settings, config, environ, clock, metrics)
        sync = Sync(config=config, keys=settings.webhook_keys, outside=outside, clock=clock, metrics=metrics)
        await stack.enter_async_context(sync.running())
        yield sync


async def connect(  # noqa: PLR0913, PLR0917 - what everything is connected with
    stack: AsyncExitStack,
    settings: Settings,
    config: AddinConfig,
    environ: Mapping[str, str],
    clock: Clock,
    metrics: Metrics,
) -> Outside:
    """Return the real services; they are closed with the stack."""
    observe = metrics.observe_request

    async def client(url: str) -> httpx2.AsyncClient:
        return await stack.enter_async_context(make_client(base_url=url, ca_bundle=settings.ca_bundle))

    gateway_tokens = GatewayTokenSource(
        config.gateway_token_url,
        config.sync_server_auth_gateway_client_id or "",
        settings.gateway_client_secret,
        config.gateway_scope,
        ca_bundle=settings.ca_bundle,
        clock=clock,
        observe=observe,
    )
    stack.push_async_callback(gateway_tokens.aclose)
    cluster = kubernetes.load(environ)
    stack.push_async_callback(cluster.close)
    gateway = await client(config.unblu_oauth_backend_url)
    tenants = TenantEvents(config, settings, await client(config.graph_url), metrics)
    stack.push_async_callback(tenants.aclose)

    async def known_to_unblu(token: str) -> None:
        await Unblu(gateway, _Given(token), observe=observe).current_person()

    return Outside(
        events=tenants,
        conversations=Unblu(gateway, gateway_tokens, observe=observe),
        subscriptions=KubernetesSubscriptions(cluster, settings.addin_name, settings.namespace, clock),
        verify=UserTokens(config, await client(config.authority), clock, observe=observe).verify,
        known_to_unblu=known_to_unblu,
    )


@dataclass
class TenantEvents:
    """Events in several tenants, each read with its own tenant's token. Fits ``ports.Events``."""

    config: AddinConfig
    settings: Settings
    client: httpx2.AsyncClient
    metrics: Metrics
    _by_tenant: dict[str, tuple[GraphEvents, TokenSource]] = field(default_factory=dict)

    async def get(self, mailbox: Mailbox, event_id: str) -> Event | Gone:
        """Read one event."""
        return await self._events(mailbox).get(mailbox, event_id)

    async def find_by_link(self, mailbox: Mailbox, uuid: UUID) -> list[Event]:
        """Return the events in all calendars of the mailbox that carry the link."""
        return await self._events(mailbox).find_by_link(mailbox, uuid)

    async def aclose(self) -> None:
        """Close what was opened for the tenants."""
        for _, tokens in self._by_tenant.values():
            await tokens.aclose()

    def _events(self, mailbox: Mailbox) -> GraphEvents:
        known = self._by_tenant.get(mailbox.tenant_id)
        if known is None:
            known = self._by_tenant[mailbox.tenant_id] = self._connect(mailbox.tenant_id)
        return known[0]

    def _connect(self, tenant_id: str) -> tuple[GraphEvents, TokenSource]:
        observe = self.metrics.observe_request
        tokens = TokenSource(
            self.config.tenant_authority(tenant_id),
            self.config.client_id,
            self.settings.credential or self.settings.client_secret,
            f"{self.config.graph_url}/.default",
            ca_bundle=self.settings.ca_bundle,
            observe=observe,
        )
        return GraphEvents(self.client, tokens, self.config.addin_id, observe=observe), tokens


@dataclass(frozen=True)
class _Given:
    """A token that somebody else has obtained."""

    value: str

    async def token(self) -> str:
        return self.value


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task

"""Everything that the synchronisation talks to, and how it is connected."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import httpx2

from outlook_addin_core.clients import kubernetes
from outlook_addin_core.clients.graph_events import GraphEvents
from outlook_addin_core.clients.http import make_client
from outlook_addin_core.clients.tokens import GatewayTokenSource, TokenSource
from outlook_addin_core.clients.unblu import Unblu
from outlook_addin_core.domain.clock import Clock
from outlook_addin_core.domain.config import AddinConfig
from outlook_addin_core.domain.conversations import Conversation
from outlook_addin_core.domain.events import Event, Gone
from outlook_addin_core.domain.mailbox import Mailbox
from outlook_addin_core.domain.series import Series
from outlook_addin_web.leases import KubernetesLease
from outlook_addin_web.metrics import Metrics
from outlook_addin_web.pacing import Pace, graph_pace, unblu_pace
from outlook_addin_web.ports import Conversations, Events, Lease, Subscriptions
from outlook_addin_web.settings import Settings
from outlook_addin_web.subscriptions import KubernetesSubscriptions
from outlook_addin_web.user_tokens import Caller, UserTokens


@dataclass(frozen=True)
class Outside:
    """Everything that the synchronisation talks to; in tests, fakes with a state.

    Args:
        lease: What the replicas of the add-in elect their sweeper with.
        verify: Returns whose token it is.
        known_to_unblu: Succeeds if the Auth Gateway knows the token's owner.
    """

    events: Events
    conversations: Conversations
    subscriptions: Subscriptions
    lease: Lease
    verify: Callable[[str], Awaitable[Caller]]
    known_to_unblu: Callable[[str], Awaitable[None]]


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
    gateway = await _client(stack, settings, config.unblu_oauth_backend_url, unblu_pace(clock))
    agents = await _client(stack, settings, config.unblu_oauth_backend_url)
    authority = await _client(stack, settings, config.authority)

    async def known_to_unblu(token: str) -> None:
        await Unblu(agents, _Given(token), observe=observe).current_person()

    return Outside(
        events=await _tenants(stack, settings, config, clock, metrics),
        conversations=Unblu(gateway, gateway_tokens, observe=observe),
        subscriptions=KubernetesSubscriptions(cluster, settings.addin_name, settings.namespace, clock),
        lease=KubernetesLease(cluster, settings.addin_name, settings.namespace),
        verify=UserTokens(config, authority, clock, observe=observe).verify,
        known_to_unblu=known_to_unblu,
    )


@dataclass(frozen=True)
class TenantEvents:
    """Events in several tenants, each read with its own tenant's token and pace. Fits ``ports.Events``."""

    by_tenant: Mapping[str, GraphEvents] = field(default_factory=dict)

    async def get(self, mailbox: Mailbox, event_id: str) -> Event | Gone:
        """Read one event."""
        return await self.by_tenant[mailbox.tenant_id].get(mailbox, event_id)

    async def find_by_link(self, mailbox: Mailbox, uuid: UUID, series_id: str | None = None) -> list[Event]:
        """Return the events in all calendars of the mailbox that carry the link."""
        return await self.by_tenant[mailbox.tenant_id].find_by_link(mailbox, uuid, series_id)

    def linked(self, mailbox: Mailbox) -> AsyncIterator[Event]:
        """Yield the events in all calendars of the mailbox that carry any link."""
        return self.by_tenant[mailbox.tenant_id].linked(mailbox)

    async def on_day(self, mailbox: Mailbox, conversation: Conversation) -> list[Event]:
        """Return the events around a conversation's time that lead to it."""
        return await self.by_tenant[mailbox.tenant_id].on_day(mailbox, conversation)

    async def series(self, mailbox: Mailbox, master: Event, now: datetime) -> Series | None:
        """Return what is around now in a series."""
        return await self.by_tenant[mailbox.tenant_id].series(mailbox, master, now)


async def _tenants(
    stack: AsyncExitStack, settings: Settings, config: AddinConfig, clock: Clock, metrics: Metrics
) -> TenantEvents:
    """Connect each tenant for itself: one that is slow takes no connection from another."""
    observe, by_tenant = metrics.observe_request, {}
    for tenant in config.tenant_ids:
        tokens = TokenSource(
            config.tenant_authority(tenant),
            config.client_id,
            settings.credential or settings.client_secret,
            f"{config.graph_url}/.default",
            ca_bundle=settings.ca_bundle,
            observe=observe,
        )
        stack.push_async_callback(tokens.aclose)
        client = await _client(stack, settings, config.graph_url, graph_pace(clock))
        by_tenant[tenant] = GraphEvents(client, tokens, config.addin_id, observe=observe)
    return TenantEvents(by_tenant)


async def _client(
    stack: AsyncExitStack, settings: Settings, url: str, pace: Pace | None = None
) -> httpx2.AsyncClient:
    client = make_client(base_url=url, ca_bundle=settings.ca_bundle)
    if pace is not None:
        client.event_hooks = {"request": [pace], "response": []}
    return await stack.enter_async_context(client)


@dataclass(frozen=True)
class _Given:
    """A token that somebody else has obtained."""

    value: str

    async def token(self) -> str:
        return self.value

"""One process of the web server: the product as it is, over transports that call the simulators.

It can be killed at any request, before it arrives or before its answer does: from then on nothing that it
does has any effect, which is what a kill looks like from outside.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import httpx2
from aiohttp import web
from prometheus_client import CollectorRegistry

from outlook_addin_core.clients.graph_events import GraphEvents
from outlook_addin_core.clients.unblu import Unblu
from outlook_addin_core.domain.mailbox import Mailbox
from outlook_addin_sandbox.entra.directory import GRAPH_RESOURCE
from outlook_addin_web.app import build_app
from outlook_addin_web.metrics import Metrics
from outlook_addin_web.sync import Outside, Sync
from outlook_addin_web.user_tokens import UserTokens
from sync.cluster import Kubernetes
from sync.virtual import VirtualClock
from sync.wire import AppTransport

if TYPE_CHECKING:
    from datetime import datetime

    from sync.stage import Stage

KEY: Final = bytes(range(32))


class Tokens:
    """Tokens for one audience, made by the simulated Entra itself; no network, no threads."""

    def __init__(self, issue_token: Callable[[], str], clock: VirtualClock) -> None:
        self._issue = issue_token
        self._clock = clock
        self._token = ""
        self._expires = -1.0

    async def token(self) -> str:
        if self._clock.monotonic() >= self._expires:
            self._token, self._expires = self._issue(), self._clock.monotonic() + 3000
        return self._token

    def forget(self) -> None:
        self._expires = -1.0


class ManyTenants:
    """The events of every tenant, each read with its own token; fits ``ports.Events``."""

    def __init__(self, by_tenant: dict[str, GraphEvents]) -> None:
        self._by_tenant = by_tenant

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def called(mailbox: Mailbox, *args: Any, **named: Any) -> Any:
            return getattr(self._by_tenant[mailbox.tenant_id], name)(mailbox, *args, **named)

        return called


class Replica:
    """One process of the web server."""

    def __init__(self, stage: "Stage") -> None:
        self.stage = stage
        self.metrics = Metrics(CollectorRegistry())
        self.kill_after: int | None = None
        """How many requests and answers pass before it is killed."""
        self.is_dead = False
        self.told: list[tuple[datetime, str]] = []
        """When it took which event's notification."""
        self.app: web.Application | None = None
        self._stop = asyncio.Event()
        self._ready = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def serves(self) -> bool:
        return self.app is not None and not self.is_dead

    async def start(self) -> None:
        self._task = asyncio.create_task(self._live())
        ready = asyncio.create_task(self._ready.wait())
        done, _ = await asyncio.wait({self._task, ready}, return_when=asyncio.FIRST_COMPLETED)
        if ready not in done:
            ready.cancel()
            self._task.result()

    async def stop(self) -> None:
        """Tell it to end, as Kubernetes does, and wait until it has."""
        self._stop.set()
        if self._task is not None:
            await asyncio.wait({self._task})
            self.app = None

    def die(self) -> None:
        """End at once; whatever is under way has no effect any more."""
        self.is_dead = True
        if self._task is not None:
            self._task.cancel()

    async def _live(self) -> None:
        sync = self._sync()

        @asynccontextmanager
        async def running() -> AsyncIterator[Sync]:
            async with sync.running():
                yield sync

        app = build_app(self.stage.config, sync=running, static_root=Path("/nowhere"))
        app.on_startup.freeze()
        await app.startup()
        app.freeze()
        self.app = app
        self._ready.set()
        try:
            await self._stop.wait()
        finally:
            with contextlib.suppress(Exception):
                await app.cleanup()

    def _sync(self) -> Sync:
        stage, world = self.stage, self.stage.world
        tokens = world.entra.tokens
        client_id, gateway_id = world.client_id, world.gateway_client_id

        def graph_tokens(tenant: str) -> Tokens:
            roles = world.entra.apps[client_id].tenants
            return Tokens(
                lambda: tokens.for_app(tenant, client_id, GRAPH_RESOURCE, roles[tenant]), stage.clock
            )

        graph = self._client(world.graph.app, world.graph.url)
        gateway = self._client(world.unblu.app, world.unblu.url)
        gateway_tokens = Tokens(
            lambda: tokens.for_app(world.tenant_id, gateway_id, gateway_id, ()), stage.clock
        )
        kubernetes = Kubernetes(stage.cluster, self._pass)
        entra = self._client(world.entra.app, world.entra.url)

        async def known_to_unblu(token: str) -> None:
            await Unblu(gateway, Tokens(lambda: token, stage.clock)).current_person()

        addin = stage.config.addin_id
        by_tenant = {
            each: GraphEvents(graph, graph_tokens(each), addin, observe=self.metrics.observe_request)
            for each in stage.config.tenant_ids
        }
        outside = Outside(
            events=cast("Any", ManyTenants(by_tenant)),
            conversations=Unblu(gateway, gateway_tokens, observe=self.metrics.observe_request),
            subscriptions=kubernetes,
            lease=kubernetes,
            verify=UserTokens(stage.config, entra, stage.clock).verify,
            known_to_unblu=known_to_unblu,
        )
        return Sync(
            config=stage.config, keys=(KEY,), outside=outside, clock=stage.clock, metrics=self.metrics
        )

    def _client(self, app: web.Application, url: str) -> httpx2.AsyncClient:
        transport = AppTransport(app, before=self._leaves, after=self._arrives)
        return httpx2.AsyncClient(transport=transport, base_url=url, trust_env=False, timeout=20.0)

    async def _leaves(self, request: httpx2.Request) -> None:
        await self._pass()
        self.stage.leaves(self, request)

    async def _arrives(self, request: httpx2.Request) -> None:
        self.stage.arrives(request)
        await self._pass()

    async def _pass(self) -> None:
        if self.kill_after is not None:
            self.kill_after -= 1
            if self.kill_after < 0:
                self.kill_after = None
                self.die()
        if self.is_dead:
            await asyncio.Event().wait()

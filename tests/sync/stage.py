"""The whole synchronisation in one loop: simulated Entra, Graph and Unblu, and replicas of the web server.

The product runs as it is, with its own clients, over transports that call the simulators' handlers. A replica
can be killed at any request, before it arrives or before its answer does: from then on nothing that it does
has any effect, which is what a kill looks like from outside.
"""

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, cast
from uuid import UUID

import httpx2
from aiohttp import web
from prometheus_client import CollectorRegistry

from outlook_addin_core.clients.graph_events import GraphEvents
from outlook_addin_core.clients.unblu import Unblu
from outlook_addin_core.domain.client_state import issue
from outlook_addin_core.domain.config import AddinConfig
from outlook_addin_core.domain.election import Term
from outlook_addin_core.domain.links import SourceId
from outlook_addin_core.domain.mailbox import Mailbox, subscription_name
from outlook_addin_sandbox import tls
from outlook_addin_sandbox.entra.directory import GRAPH_RESOURCE
from outlook_addin_sandbox.graph import Mailbox as Calendar
from outlook_addin_sandbox.graph import Subscription
from outlook_addin_sandbox.serving import bind
from outlook_addin_sandbox.unblu import Conversation
from outlook_addin_sandbox.world import Agent, Listeners, World, WorldSettings
from outlook_addin_web.app import build_app
from outlook_addin_web.metrics import Metrics
from outlook_addin_web.ports import Followed, StoreUnavailable, SubscriptionState
from outlook_addin_web.sync import Outside, Sync
from outlook_addin_web.user_tokens import UserTokens
from outlook_addin_web.verdicts import Verdict
from sync.virtual import VirtualClock
from sync.wire import AppTransport, Postman, call

KEY = bytes(range(32))
GRACE = timedelta(minutes=5)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


@cache
def _certificates() -> tls.DemoTls:
    return tls.ensure(Path(mkdtemp(prefix="outlook-addin-sync-")))


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


class Cluster:
    """What stands in Kubernetes: a CalendarSubscription per mailbox, the Lease, the request for a sweep.

    The operator is part of it: a Graph subscription that was removed is made again when that is asked for.
    """

    def __init__(self, stage: "Stage") -> None:
        self.stage = stage
        self.sweep_token = ""
        self.verdicts: dict[Mailbox, Verdict] = {}
        self.renewals: dict[Mailbox, str] = {}
        self.term: Term | None = None
        self.is_down = False
        self._watchers: list[asyncio.Queue[Followed]] = []

    def followed(self, mailbox: Mailbox) -> Followed:
        live = self.stage.world.graph.subscriptions.values()
        known = next((each.id for each in live if each.user_id == mailbox.user_id), "")
        name = subscription_name("outlook-addin", mailbox)
        return Followed(name, mailbox, True, known, "", None, self.stage.clock.now(), "1")

    def renew(self, mailbox: Mailbox, token: str) -> None:
        self.renewals[mailbox] = token
        self.stage.subscribe(mailbox)
        for watcher in self._watchers:
            watcher.put_nowait(self.followed(mailbox))

    def write(self, term: Term) -> Term | None:
        if term.version != (self.term.version if self.term else ""):
            return None
        self.term = replace(term, version=str(int(term.version or "0") + 1))
        return self.term

    async def watch(self) -> AsyncIterator[Followed]:
        queue: asyncio.Queue[Followed] = asyncio.Queue()
        self._watchers.append(queue)
        for agent in self.stage.agents:
            yield self.followed(self.stage.mailbox(agent))
        while True:
            yield await queue.get()


class Kubernetes:
    """The cluster as one replica reaches it; fits ``ports.Subscriptions`` and ``ports.Lease``.

    Args:
        gate: Passed by every call; of a replica that was killed none comes back.
    """

    def __init__(self, cluster: Cluster, gate: Callable[[], Awaitable[None]]) -> None:
        self._cluster = cluster
        self._gate = gate

    async def get(self, mailbox: Mailbox) -> SubscriptionState | None:
        await self._enter()
        name = subscription_name("outlook-addin", mailbox)
        return SubscriptionState(name, ready=True, reason="Subscribed", expiration_time=None)

    async def create(self, _mailbox: Mailbox, _address: str | None) -> None:
        await self._enter()

    async def count(self) -> int:
        await self._enter()
        return len(self._cluster.stage.agents)

    async def request_renewal(self, mailbox: Mailbox, token: str) -> bool:
        await self._enter()
        self._cluster.renew(mailbox, token)
        return True

    async def all(self) -> AsyncIterator[Followed]:
        await self._enter()
        for agent in self._cluster.stage.agents:
            yield self._cluster.followed(self._cluster.stage.mailbox(agent))

    async def changes(self) -> AsyncIterator[Followed]:
        await self._enter()
        async for each in self._cluster.watch():
            yield each

    async def report(self, mailbox: Mailbox, verdict: Verdict) -> bool:
        await self._enter()
        self._cluster.verdicts[mailbox] = verdict
        return True

    async def note_needed(self, _followed: Followed, _day: date) -> None:
        await self._enter()

    async def remove(self, _followed: Followed) -> None:
        await self._enter()

    async def sweep_request(self) -> str:
        await self._enter()
        return self._cluster.sweep_token

    async def read(self) -> Term | None:
        await self._enter()
        return self._cluster.term

    async def write(self, term: Term) -> Term | None:
        await self._enter()
        return self._cluster.write(term)

    async def _enter(self) -> None:
        await self._gate()
        if self._cluster.is_down:
            raise StoreUnavailable("Kubernetes gave no answer")


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
        self.stage.watch(request)

    async def _arrives(self, _: httpx2.Request) -> None:
        await self._pass()

    async def _pass(self) -> None:
        if self.kill_after is not None:
            self.kill_after -= 1
            if self.kill_after < 0:
                self.kill_after = None
                self.die()
        if self.is_dead:
            await asyncio.Event().wait()


class Stage:
    """A world with agents in it, and what the web server is told about it; use `Stage.open`."""

    def __init__(self, world: World, clock: VirtualClock) -> None:
        self.world = world
        self.clock = clock
        self.cluster = Cluster(self)
        self.replicas: list[Replica] = []
        self.writes: Counter[str] = Counter()
        """Requests that change something, by service and operation."""
        self.on_write: Callable[[str, str], None] = lambda _operation, _conversation: None
        """Is told every write to Unblu when it leaves: the operation and the conversation's id."""
        self._turn = 0
        self.config = AddinConfig(
            deployment_url="http://addin.localhost:8080",
            unblu_oauth_backend_url=world.unblu.url,
            client_id=world.client_id,
            authority=f"{world.entra.url}/common",
            tenant_ids=(world.tenant_id, world.other_tenant_id),
            graph_url=world.graph.url,
            sync_server_enabled=True,
            sync_server_auth_gateway_client_id=world.gateway_client_id,
            sync_server_deletion_grace_period=GRACE,
        )

    @classmethod
    @asynccontextmanager
    async def open(cls, *, replicas: int = 1) -> AsyncIterator["Stage"]:
        """Set everything up inside a virtual loop; everybody's mailbox has a Graph subscription."""
        clock = VirtualClock(asyncio.get_running_loop())
        with contextlib.ExitStack() as sockets:
            listeners = Listeners(*(sockets.enter_context(bind()) for _ in range(3)))
            world = World(WorldSettings(now=clock), _certificates(), listeners)
            world.add_agent("Dora Weiss", "dora@branch.example", world.other_tenant_id)
            for simulator in (world.entra, world.graph, world.unblu):
                simulator.app.freeze()
            stage = cls(world, clock)
            await world.graph.deliver_through(cast("Any", Postman(stage.pick)))
            for agent in world.agents:
                stage.subscribe(stage.mailbox(agent))
            for _ in range(replicas):
                await stage.add_replica()
            try:
                yield stage
            finally:
                for replica in stage.replicas:
                    replica.die()
                await world.graph.courier.stop()

    @property
    def agents(self) -> list[Agent]:
        return self.world.agents

    @property
    def conversations(self) -> dict[str, Conversation]:
        return self.world.unblu.conversations

    @staticmethod
    def mailbox(agent: Agent) -> Mailbox:
        return Mailbox(agent.tenant_id, agent.user_id)

    def calendar(self, agent: Agent) -> Calendar:
        return self.world.graph.mailbox(agent.user_id)

    async def add_replica(self) -> Replica:
        replica = Replica(self)
        self.replicas.append(replica)
        await replica.start()
        return replica

    def pick(self) -> web.Application | None:
        """Return the replica that gets the next request, in turns, as a Service does."""
        serving = [each for each in self.replicas if each.serves]
        if not serving:
            return None
        self._turn += 1
        return serving[self._turn % len(serving)].app

    def subscribe(self, mailbox: Mailbox) -> None:
        """Let Graph announce the mailbox's changes, as the operator sees to it."""
        store = self.world.graph.subscriptions
        if any(each.user_id == mailbox.user_id for each in store.values()):
            return
        subscription = Subscription(
            id=f"subscription-{mailbox.user_id}-{self.clock.monotonic()}",
            application_id=self.world.client_id,
            tenant_id=mailbox.tenant_id,
            creator_id=self.world.client_id,
            change_type="created,updated,deleted",
            resource=mailbox.resource,
            user_id=mailbox.user_id,
            calendar_id=None,
            notification_url=self.config.notification_url("installation"),
            lifecycle_url=self.config.lifecycle_url("installation"),
            client_state=issue(KEY, mailbox),
            expiration=self.clock.now() + timedelta(days=365),
            immutable_ids=True,
        )
        store.add(subscription)

    def watch(self, request: httpx2.Request) -> None:
        """Count what is written, and tell whoever wants to know."""
        path = request.url.path
        if request.method == "GET" or path.endswith("/conversations/search"):
            return
        service = "unblu" if "/gateway/" in path else "graph"
        verb = path.rpartition("/")[2]
        self.writes[f"{service} {verb}"] += 1
        if service == "unblu":
            self.on_write(verb, path.split("/")[-2])

    def mend(self) -> None:
        """End all faults, and have Graph announce changes again."""
        world = self.world
        world.graph.faults.apply(
            {"rules": [], "lose": 0, "duplicates": 0, "delay": 0.0, "reorder": False, "forge": False}
        )
        world.graph.faults.endpoint_state = "ok"
        world.unblu.faults.apply({"rules": [], "outage": False})
        self.cluster.is_down = False
        for replica in self.replicas:
            replica.kill_after = None
        for agent in self.agents:
            self.subscribe(self.mailbox(agent))

    async def sweep(self) -> None:
        """Ask for a sweep, as a person does, and give it the time that it needs."""
        if not any(replica.serves for replica in self.replicas):
            await self.add_replica()
            await self.wait(MINUTE)
        self.cluster.sweep_token = f"asked at {self.clock.now()}"
        await self.wait(2 * MINUTE)

    async def wait(self, span: timedelta | float) -> None:
        """Let time pass."""
        seconds = span.total_seconds() if isinstance(span, timedelta) else span
        await asyncio.sleep(seconds)

    async def pane_creates(
        self, agent: Agent, uuid: UUID, topic: str, start: datetime, *, addin_id: str | None = None
    ) -> Conversation:
        """Make a conversation as the task pane does, with the agent's own token."""
        source = SourceId(addin_id or self.config.addin_id, self.mailbox(agent), uuid)
        body = {
            "$_type": "ConversationCreationData",
            "initialEngagementType": "SCHEDULED_CONVERSATION",
            "topic": topic,
            "scheduledTimestamp": int(start.timestamp() * 1000),
            "sourceId": str(source),
            "participants": [
                {
                    "$_type": "ConversationCreationParticipantData",
                    "personId": agent.person_id,
                    "participationType": "ASSIGNED_AGENT",
                }
            ],
        }
        rules, self.world.unblu.faults.rules = self.world.unblu.faults.rules, []
        outage, self.world.unblu.faults.outage = self.world.unblu.faults.outage, False
        try:
            answer = await call(
                self.world.unblu.app,
                "POST",
                f"{self.world.unblu.url}/app/rest/v4/conversations/create",
                {"Authorization": f"Bearer {self.world.user_token(agent)}"},
                json.dumps(body).encode(),
            )
        finally:
            self.world.unblu.faults.rules, self.world.unblu.faults.outage = rules, outage
        assert answer.status == 200, answer.body
        return self.conversations[json.loads(answer.body)["id"]]

    def link(self, uuid: UUID) -> dict[str, str]:
        """Return the custom properties that the pane saves."""
        return {self.config.addin_id: json.dumps({"v": 1, "uuid": str(uuid)})}

"""The whole synchronisation in one loop: simulated Entra, Graph and Unblu, and replicas of the web server."""

import asyncio
import atexit
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast
from uuid import UUID

import httpx2
from aiohttp import web

from outlook_addin_core.domain.client_state import issue
from outlook_addin_core.domain.config import AddinConfig
from outlook_addin_core.domain.links import SourceId
from outlook_addin_core.domain.mailbox import Mailbox
from outlook_addin_sandbox import tls
from outlook_addin_sandbox.graph import Mailbox as Calendar
from outlook_addin_sandbox.graph import Subscription
from outlook_addin_sandbox.serving import bind
from outlook_addin_sandbox.unblu import Conversation
from outlook_addin_sandbox.world import Agent, Listeners, World, WorldSettings
from sync.cluster import Cluster
from sync.replica import KEY, Replica, Tokens
from sync.virtual import BEGINNING, VirtualClock, without_chance
from sync.wire import Postman, call

__all__ = ["GRACE", "HOUR", "KEY", "MINUTE", "Stage", "Tokens"]

GRACE = timedelta(minutes=5)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


@cache
def _certificates() -> tls.DemoTls:
    folder = TemporaryDirectory(prefix="outlook-addin-sync-")
    atexit.register(folder.cleanup)
    return tls.ensure(Path(folder.name))


class Stage:
    """A world with agents in it, and what the web server is told about it; use `Stage.open`."""

    def __init__(self, world: World, clock: VirtualClock) -> None:
        self.world = world
        self.clock = clock
        self.cluster = Cluster(self)
        self.replicas: list[Replica] = []
        self.writes: Counter[str] = Counter()
        """Requests that change something, by service and operation."""
        self.on_write: Callable[[Replica, str, str], None] = lambda *_: None
        """Is told every write to Unblu when it leaves: who writes, the operation, the conversation's id."""
        self.on_written: Callable[[], None] = lambda: None
        """Is told when a write to Unblu has had its effect, whoever lives to see the answer."""
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
    async def open(cls, *, replicas: int = 1, beginning: datetime = BEGINNING) -> AsyncIterator["Stage"]:
        """Set everything up inside a virtual loop; everybody's mailbox has a Graph subscription.

        Nothing in it is left to chance, so that whatever happened happens again.
        """
        clock = VirtualClock(asyncio.get_running_loop(), beginning)
        with contextlib.ExitStack() as until_closed:
            until_closed.enter_context(without_chance())
            listeners = Listeners(*(until_closed.enter_context(bind()) for _ in range(3)))
            world = World(WorldSettings(now=clock), _certificates(), listeners)
            world.add_agent("Dora Weiss", "dora@branch.example", world.other_tenant_id)
            for simulator in (world.entra, world.graph, world.unblu):
                simulator.app.freeze()
            stage = cls(world, clock)
            await world.graph.deliver_through(cast("Any", Postman(stage.pick, stage.took)))
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

    def took(self, app: web.Application, delivery: Any) -> None:
        """Note which replica has accepted which notifications."""
        replica = next(each for each in self.replicas if each.app is app)
        items = [each for each in delivery.get("value", []) if "resourceData" in each]
        replica.told += [(self.clock.now(), each["resourceData"]["id"]) for each in items]

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

    def leaves(self, replica: Replica, request: httpx2.Request) -> None:
        """Count what is written, and tell whoever wants to know."""
        path, verb = request.url.path, request.url.path.rpartition("/")[2]
        if not _writes(request):
            return
        service = "unblu" if "/gateway/" in path else "graph"
        self.writes[f"{service} {verb}"] += 1
        if service == "unblu":
            self.on_write(replica, verb, path.split("/")[-2])

    def arrives(self, request: httpx2.Request) -> None:
        """Tell whoever wants to know that a write has been carried out, or refused."""
        if _writes(request):
            self.on_written()

    def mend(self) -> None:
        """End all faults, have Graph announce changes again, and deliver what it still holds."""
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
        world.graph.courier._waiting[:] = [
            replace(each, due=self.clock.elapsed()) for each in world.graph.courier._waiting
        ]
        world.graph.courier._changed.set()

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


def _writes(request: httpx2.Request) -> bool:
    return request.method != "GET" and not request.url.path.endswith("/conversations/search")

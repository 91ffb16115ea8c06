"""The web server's real clients against the simulated Entra, Graph and Unblu."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestClient, TestServer
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry

from outlook_addin_core.clients import tracing as client_tracing
from outlook_addin_core.domain.client_state import issue
from outlook_addin_core.domain.clock import SystemClock
from outlook_addin_core.domain.config import AddinConfig
from outlook_addin_core.domain.links import SourceId
from outlook_addin_core.domain.mailbox import Mailbox
from outlook_addin_sandbox.world import Agent, World
from outlook_addin_web import tracing as web_tracing
from outlook_addin_web.app import build_app
from outlook_addin_web.metrics import Metrics
from outlook_addin_web.settings import Settings
from outlook_addin_web.sync import Sync, connect
from outlook_addin_web.tasks import Kind, Task
from outlook_addin_web.tracing import noted
from web.fakes import KEY, FakeKubernetes, FakeLease, uuid
from web.polling import until

KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: test
contexts: [{name: test, context: {cluster: test, user: test}}]
clusters: [{name: test, cluster: {server: "http://127.0.0.1:9"}}]
users: [{name: test, user: {token: t}}]
"""
TOMORROW = datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0) + timedelta(days=1)
HOUR = timedelta(hours=1)


class Bank:
    """A world, an add-in in it, and Anna at her desk."""

    def __init__(
        self,
        world: World,
        client: TestClient[web.Request, web.Application],
        sync: Sync,
        metrics: Metrics,
    ) -> None:
        self.sync = sync
        self.metrics = metrics
        self.world = world
        self.client = client
        self.kubernetes = FakeKubernetes()
        self.anna: Agent = world.agents[0]
        self.mailbox = Mailbox(self.anna.tenant_id, self.anna.user_id)
        self.calendar = world.graph.mailbox(self.anna.user_id)

    async def schedule(self, addin_id: str) -> str:
        """Save an event with a conversation, as the pane does, and return the event's immutable id."""
        link = uuid(1)
        await self._post("conversations/create", _creation(self, SourceId(addin_id, self.mailbox, link)))
        event = self.calendar.create_event("Portfolio review", TOMORROW, TOMORROW + HOUR)
        properties = json.dumps({"v": 1, "uuid": str(link)})
        self.calendar.set_custom_properties(event.immutable_id, addin_id, properties)
        await self.notify(event.immutable_id, "created")
        return str(event.immutable_id)

    async def notify(self, event_id: str, change: str) -> None:
        """Deliver a notification as Graph does."""
        item = {
            "subscriptionId": "subscription",
            "tenantId": self.mailbox.tenant_id,
            "clientState": issue(KEY, self.mailbox),
            "changeType": change,
            "resourceData": {"id": event_id},
        }
        body = json.dumps({"value": [item]})
        async with self.client.post("/addin/graph/notifications", data=body) as answer:
            assert answer.status == 202

    async def swept(self) -> None:
        """Have everything compared, and wait until it has been."""
        before = self._sample("sweeps_total", outcome="complete")
        self.sync.sweeper.request()
        await until(lambda: self._sample("sweeps_total", outcome="complete") > before)

    def repaired(self, kind: str) -> float:
        """Return how many changes of a kind only sweeps have found."""
        return self._sample("repairs_total", kind=kind)

    def _sample(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(f"outlook_addin_{name}", labels) or 0.0

    async def _post(self, path: str, body: Any) -> None:
        headers = {"Authorization": f"Bearer {self.world.user_token(self.anna)}"}
        url = f"{self.world.unblu.url}/app/rest/v4/{path}"
        async with ClientSession() as session, session.post(url, json=body, headers=headers) as answer:
            assert answer.status == 200, await answer.text()


def milliseconds(moment: datetime) -> int:
    """Write a time as Unblu does."""
    return int(moment.timestamp() * 1000)


def _creation(bank: Bank, source: SourceId) -> dict[str, Any]:
    participant = {
        "$_type": "ConversationCreationParticipantData",
        "personId": bank.anna.person_id,
        "participationType": "ASSIGNED_AGENT",
    }
    return {
        "$_type": "ConversationCreationData",
        "initialEngagementType": "SCHEDULED_CONVERSATION",
        "topic": "Portfolio review",
        "scheduledTimestamp": milliseconds(TOMORROW),
        "sourceId": str(source),
        "participants": [participant],
    }


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """What a collector would get."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    for module in (client_tracing, web_tracing):
        monkeypatch.setattr(module, "tracer", provider.get_tracer("test"))
    return exporter


def _is_done(spans: InMemorySpanExporter) -> bool:
    """Tell whether an event was worked on to the end."""
    return any(
        each.name == "task" and (each.attributes or {})["outlook_addin.task"] == "event"
        for each in spans.get_finished_spans()
    )


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World.start() as world:
        yield world


@pytest.fixture
def addin(world: World) -> AddinConfig:
    return AddinConfig(
        deployment_url="http://addin.localhost:8080",
        unblu_oauth_backend_url=world.unblu.url,
        client_id=world.client_id,
        authority=f"{world.entra.url}/common",
        tenant_ids=(world.tenant_id,),
        graph_url=world.graph.url,
        sync_server_enabled=True,
        sync_server_auth_gateway_client_id=world.gateway_client_id,
        sync_server_deletion_grace_period=timedelta(0),
    )


@pytest.fixture
async def bank(world: World, addin: AddinConfig, tmp_path: Path) -> AsyncIterator[Bank]:
    (tmp_path / "kubeconfig").write_text(KUBECONFIG)
    environ = {"KUBECONFIG": str(tmp_path / "kubeconfig")}
    settings = Settings(
        config_path=tmp_path / "addin.json",
        addin_name="outlook-addin",
        namespace="bank",
        client_secret=world.client_secret,
        gateway_client_secret=world.gateway_client_secret,
        ca_bundle=world.ca_bundle.read_text(),
    )
    clock, metrics, kubernetes = SystemClock(), Metrics(CollectorRegistry()), FakeKubernetes()
    async with AsyncExitStack() as stack:
        outside = await connect(stack, settings, addin, environ, clock, metrics)
        outside = replace(outside, subscriptions=kubernetes, lease=FakeLease())
        sync = Sync(config=addin, keys=(KEY,), outside=outside, clock=clock, metrics=metrics)

        async def started() -> AsyncIterator[Sync]:
            async with sync.running():
                yield sync

        app = build_app(addin, sync=asynccontextmanager(started))
        client = await stack.enter_async_context(TestClient(TestServer(app)))
        bank = Bank(world, client, sync, metrics)
        bank.kubernetes = kubernetes
        yield bank


async def test_a_conversation_follows_its_event_until_both_are_gone(bank: Bank, addin: AddinConfig) -> None:
    event_id = await bank.schedule(addin.addin_id)
    conversations = bank.world.unblu.conversations
    (conversation,) = conversations.values()
    await until(lambda: conversation.metadata.get("outlook-addin.event-id") == event_id)

    bank.calendar.update_event(event_id, subject="Mortgage", start=TOMORROW + HOUR, end=TOMORROW + 2 * HOUR)
    await bank.notify(event_id, "updated")
    await until(lambda: conversation.topic == "Mortgage")
    await until(lambda: conversation.scheduled == milliseconds(TOMORROW + HOUR))

    bank.calendar.delete_event(event_id)
    await bank.notify(event_id, "deleted")
    await until(lambda: not conversations)


async def test_a_sweep_makes_up_for_every_notification_that_was_lost(bank: Bank, addin: AddinConfig) -> None:
    event_id = await bank.schedule(addin.addin_id)
    conversations = bank.world.unblu.conversations
    (conversation,) = conversations.values()
    await until(lambda: conversation.metadata.get("outlook-addin.event-id") == event_id)

    bank.calendar.update_event(event_id, subject="Mortgage", start=TOMORROW + HOUR, end=TOMORROW + 2 * HOUR)
    await bank.swept()
    await until(
        lambda: (conversation.topic, conversation.scheduled) == ("Mortgage", milliseconds(TOMORROW + HOUR))
    )

    bank.calendar.delete_event(event_id)
    await bank.swept()
    await until(lambda: not conversations)
    await until(lambda: (bank.repaired("change"), bank.repaired("deletion")) == (2, 1))
    await until(
        lambda: [each.reason for each in bank.kubernetes.verdicts.get(bank.mailbox, [])][-1:] == ["InSync"]
    )


async def test_a_change_is_one_trace_from_its_notification_to_the_call_of_unblu(
    bank: Bank, addin: AddinConfig, spans: InMemorySpanExporter
) -> None:
    event_id = await bank.schedule(addin.addin_id)
    (conversation,) = bank.world.unblu.conversations.values()
    await until(lambda: conversation.metadata.get("outlook-addin.event-id") == event_id)
    await until(lambda: _is_done(spans))
    spans.clear()

    bank.calendar.update_event(event_id, subject="Mortgage")
    await bank.notify(event_id, "updated")
    await until(lambda: _is_done(spans))
    assert conversation.topic == "Mortgage"
    finished = spans.get_finished_spans()
    notification = next(each for each in finished if each.name == "notification")
    trace = notification.context.trace_id
    found = {each.name: each for each in finished if each.context.trace_id == trace}
    task = found["task"]
    assert task.parent == notification.context
    for call in ("graph.events.get", "unblu.conversations.rename"):
        assert found[call].parent == task.context
        assert (found[call].attributes or {})["http.response.status_code"] == 200
    assert len({(each.attributes or {})["outlook_addin.correlation_id"] for each in found.values()}) == 1
    told = "".join(each.to_json() for each in finished)
    for personal in ("Mortgage", bank.anna.user_id, bank.anna.address, event_id):
        assert personal not in told


async def test_without_collector_nothing_is_kept_with_a_task(bank: Bank) -> None:
    task = Task(bank.mailbox, Kind.EVENT, "event", correlation="c")
    assert noted(task) is task


async def test_an_agent_subscribes_with_the_token_that_her_pane_has(bank: Bank) -> None:
    headers = {"Authorization": f"Bearer {bank.world.user_token(bank.anna)}"}
    async with bank.client.put("/addin/api/mailbox", headers=headers) as answer:
        assert (answer.status, (await answer.json())["sync"]) == (200, "on")
    assert bank.kubernetes.addresses == {bank.mailbox: bank.anna.address}


async def test_an_application_cannot_subscribe_a_mailbox(bank: Bank) -> None:
    token = bank.world.entra.tokens.for_app(
        bank.world.tenant_id, bank.world.client_id, bank.world.client_id, ("Calendars.ReadWrite",)
    )
    async with bank.client.put("/addin/api/mailbox", headers={"Authorization": f"Bearer {token}"}) as answer:
        assert answer.status == 401
    assert bank.kubernetes.addresses == {}

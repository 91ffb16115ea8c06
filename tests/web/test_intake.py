import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from outlook_addin_core.domain.client_state import issue
from outlook_addin_core.domain.mailbox import Mailbox
from outlook_addin_web import intake
from outlook_addin_web.headers import add_security_headers
from outlook_addin_web.intake import Intake
from outlook_addin_web.metrics import Metrics
from outlook_addin_web.tasks import Kind, Task
from web.fakes import ANNA, BEN, KEY, OTHER_TENANT, START, TENANT, Bench, FakeClock

STRANGER = Mailbox(OTHER_TENANT, ANNA.user_id)


class Webhook:
    """The intake behind a real server, with a queue that holds what it is given."""

    def __init__(self) -> None:
        self.tasks: list[Task] = []
        self.room = 100
        self.accepts = True
        self.metrics = Metrics(CollectorRegistry())
        self.client: TestClient[web.Request, web.Application]

    def app(self) -> web.Application:
        self.clock = FakeClock()
        self.intake = Intake(
            keys=(KEY,),
            tenant_ids=(TENANT,),
            accepts=lambda: self.accepts,
            submit=self.submit,
            clock=self.clock,
            metrics=self.metrics,
        )
        app = web.Application(client_max_size=100_000)
        app.on_response_prepare.append(add_security_headers)
        app.router.add_post("/graph", self.intake.receive)
        return app

    def submit(self, task: Task) -> bool:
        if len(self.tasks) >= self.room:
            return False
        self.tasks.append(task)
        return True

    async def deliver(self, *items: Any) -> int:
        async with self.client.post("/graph", data=json.dumps({"value": items})) as response:
            return response.status

    def counted(self, outcome: str, kind: str = "change") -> float:
        labels = {"kind": kind, "outcome": outcome}
        return self.metrics.registry.get_sample_value("outlook_addin_notifications_total", labels) or 0.0


@pytest.fixture
async def webhook() -> AsyncIterator[Webhook]:
    hook = Webhook()
    async with TestClient(TestServer(hook.app())) as client:
        hook.client = client
        yield hook


def change(event: str = "event", mailbox: Mailbox = ANNA, **members: Any) -> dict[str, Any]:
    return {
        "subscriptionId": "subscription",
        "tenantId": mailbox.tenant_id,
        "clientState": issue(KEY, mailbox),
        "changeType": "updated",
        "resourceData": {"id": event},
        **members,
    }


def lifecycle(kind: str) -> dict[str, Any]:
    item = change()
    del item["changeType"], item["resourceData"]
    return {**item, "lifecycleEvent": kind}


@pytest.mark.parametrize(
    "token",
    ["Validation: Testing client application reachability.", "a+b=c&d/é", "<script>alert(1)</script>", "%41"],
)
async def test_the_handshake_gives_the_decoded_token_back_as_plain_text(webhook: Webhook, token: str) -> None:
    async with webhook.client.post(
        "/graph", params={"installation": "x", "validationToken": token}
    ) as answer:
        assert (answer.status, answer.content_type, await answer.text()) == (200, "text/plain", token)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_the_handshake_is_answered_even_while_nothing_is_accepted(webhook: Webhook) -> None:
    webhook.accepts, webhook.room = False, 0
    async with webhook.client.post("/graph", params={"validationToken": "t"}) as answer:
        assert (answer.status, await answer.text()) == (200, "t")


@pytest.mark.parametrize("token", ["", "x" * 4097])
async def test_an_endless_or_empty_token_is_refused(webhook: Webhook, token: str) -> None:
    async with webhook.client.post("/graph", params={"validationToken": token}) as answer:
        assert answer.status == 400


async def test_a_genuine_change_is_noted_and_accepted(webhook: Webhook) -> None:
    assert await webhook.deliver(change("e1"), change("e2", BEN, changeType="deleted")) == 202
    assert webhook.tasks == [Task(ANNA, Kind.EVENT, "e1"), Task(BEN, Kind.EVENT, "e2", suspected=True)]


@pytest.mark.parametrize(
    "bad",
    [
        change(clientState="forged"),
        change(clientState=issue(b"another key".ljust(32), ANNA)),
        change(clientState=issue(KEY, ANNA)[:-1] + "A"),
        change(clientState=None),
        change(tenantId=OTHER_TENANT),
        change(mailbox=STRANGER),
        change(resourceData=None),
        change(changeType=None),
        change(clientState=7),
        {"nonsense": True},
        "nonsense",
        None,
    ],
)
async def test_a_bad_item_is_dropped_and_its_neighbours_are_not(webhook: Webhook, bad: Any) -> None:
    assert await webhook.deliver(change("before"), bad, change("after")) == 202
    assert [task.subject for task in webhook.tasks] == ["before", "after"]


async def test_malformed_items_are_counted(webhook: Webhook) -> None:
    await webhook.deliver(
        change("e1"), "nonsense", {"nonsense": True}, change(resourceData={"id": "x" * 5_000})
    )
    assert (webhook.counted("malformed", "unknown"), webhook.counted("malformed")) == (2, 1)
    assert [task.subject for task in webhook.tasks] == ["e1"]


async def test_all_items_of_a_delivery_carry_one_correlation_and_the_time_it_came(webhook: Webhook) -> None:
    await webhook.deliver(change("e1"), change("e2"))
    first, second = webhook.tasks
    assert first.correlation == second.correlation == str(UUID(first.correlation))
    assert first.since == START


async def test_a_delivery_of_too_many_items_is_refused(
    webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "MOST_ITEMS", 2)
    assert await webhook.deliver(change("e1"), change("e2"), change("e3")) == 413
    assert webhook.tasks == []


async def test_more_deliveries_than_can_be_taken_are_asked_for_later_but_handshakes_are_answered(
    webhook: Webhook,
) -> None:
    while webhook.intake._bucket.allows():
        pass
    assert await webhook.deliver(change("e1")) == 503
    async with webhook.client.post("/graph", params={"validationToken": "t"}) as answer:
        assert (answer.status, await answer.text()) == (200, "t")
    webhook.clock.advance(timedelta(seconds=1))
    assert await webhook.deliver(change("e1")) == 202


async def test_forged_items_and_strangers_are_counted_apart(webhook: Webhook) -> None:
    await webhook.deliver(change(clientState="forged"), change(mailbox=STRANGER), change(tenantId=""))
    assert (webhook.counted("forged"), webhook.counted("wrong_tenant")) == (1, 2)


async def test_a_delivery_that_cannot_be_noted_completely_is_asked_for_again(webhook: Webhook) -> None:
    webhook.room = 1
    assert await webhook.deliver(change("e1"), change("e2")) == 503
    assert webhook.counted("queue_full") == 1


async def test_a_full_queue_is_told_in_one_line_a_minute(
    webhook: Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    webhook.room = 0
    for _ in range(3):
        assert await webhook.deliver(change("e1")) == 503
    assert len(caplog.messages) == 1
    webhook.clock.advance(timedelta(minutes=1))
    assert await webhook.deliver(change("e1")) == 503
    assert len(caplog.messages) == 2


async def test_nothing_is_acknowledged_while_nobody_works(webhook: Webhook) -> None:
    webhook.accepts = False
    assert await webhook.deliver(change()) == 503


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"value": 1}', b"\xff"])
async def test_a_body_that_is_no_delivery_is_refused(webhook: Webhook, body: bytes) -> None:
    async with webhook.client.post("/graph", data=body) as answer:
        assert answer.status == 400


async def test_a_body_without_end_is_refused(webhook: Webhook) -> None:
    async with webhook.client.post("/graph", data=b"x" * 100_001) as answer:
        assert answer.status == 413


@pytest.mark.parametrize("kind", ["reauthorizationRequired", "subscriptionRemoved"])
async def test_what_graph_wants_renewed_becomes_a_renewal(webhook: Webhook, kind: str) -> None:
    assert await webhook.deliver(lifecycle(kind), lifecycle(kind)) == 202
    assert {(task.mailbox, task.kind) for task in webhook.tasks} == {(ANNA, Kind.RENEWAL)}
    assert len({task.subject for task in webhook.tasks}) == 1


async def test_missed_notifications_have_all_conversations_looked_at(webhook: Webhook) -> None:
    assert await webhook.deliver(lifecycle("missed"), change("e1")) == 202
    assert webhook.tasks == [Task(ANNA, Kind.MAILBOX), Task(ANNA, Kind.EVENT, "e1")]
    assert [task.since for task in webhook.tasks] == [None, START]


async def test_lifecycle_events_of_the_future_are_acknowledged_and_counted(webhook: Webhook) -> None:
    assert await webhook.deliver(lifecycle("somethingNew")) == 202
    assert webhook.counted("ignored", "lifecycle") == 1


async def test_a_renewal_reaches_the_subscription_in_kubernetes(webhook: Webhook, bench: Bench) -> None:
    await bench.kubernetes.create(ANNA, None)
    await webhook.deliver(lifecycle("subscriptionRemoved"))
    bench.queue.add(webhook.tasks[0])
    await bench.settle()
    assert bench.kubernetes.renewals[ANNA].startswith("subscriptionRemoved-2026-11-23T09-00Z")

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from outlook_addin_core.clients.errors import ClientError, Denied, Unauthorized, Unreachable
from outlook_addin_core.domain.mailbox import subscription_name
from outlook_addin_web.mailbox_api import PER_MINUTE, MailboxApi
from outlook_addin_web.metrics import Metrics
from outlook_addin_web.ports import SubscriptionState
from outlook_addin_web.user_tokens import Caller, TokenRefused
from web.fakes import ANNA, BEN, FakeClock, FakeKubernetes


class Desk:
    """The API behind a real server; tokens are names."""

    def __init__(self) -> None:
        self.kubernetes = FakeKubernetes()
        self.clock = FakeClock()
        self.entra_failure: ClientError | None = None
        self.gateway_failure: ClientError | None = None
        self.client: TestClient[web.Request, web.Application]

    def app(self) -> web.Application:
        api = MailboxApi(
            verify=self.verify,
            known_to_unblu=self.known,
            subscriptions=self.kubernetes,
            limit=2,
            clock=self.clock,
            metrics=Metrics(CollectorRegistry()),
        )
        app = web.Application()
        app.router.add_get("/mailbox", api.get)
        app.router.add_put("/mailbox", api.put)
        return app

    async def verify(self, token: str) -> Caller:
        if self.entra_failure is not None:
            raise self.entra_failure
        callers = {"anna": Caller(ANNA, "anna@bank.example"), "ben": Caller(BEN, None)}
        if token not in callers:
            raise TokenRefused("The token has expired.")
        return callers[token]

    async def known(self, _: str) -> None:
        if self.gateway_failure is not None:
            raise self.gateway_failure

    async def ask(self, method: str = "PUT", token: str | None = "anna") -> tuple[int, Any]:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        async with self.client.request(method, "/mailbox", headers=headers) as answer:
            return answer.status, await answer.json()

    async def refused(self, method: str = "PUT", token: str | None = "anna") -> tuple[int, str]:
        status, body = await self.ask(method, token)
        assert body["error"]["message"]
        return status, body["error"]["code"]


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk()
    async with TestClient(TestServer(desk.app())) as client:
        desk.client = client
        yield desk


async def test_an_agents_first_put_makes_the_subscription_of_her_mailbox(desk: Desk) -> None:
    status, body = await desk.ask()
    name = subscription_name("outlook-addin", ANNA)
    subscription = {"name": name, "ready": False, "reason": "Pending", "expirationTime": None}
    assert (status, body) == (200, {"sync": "on", "subscription": subscription})
    assert desk.kubernetes.addresses == {ANNA: "anna@bank.example"}


async def test_put_again_changes_nothing(desk: Desk) -> None:
    first, again = await desk.ask(), await desk.ask()
    assert first == again
    assert len(desk.kubernetes.states) == 1


async def test_get_makes_nothing(desk: Desk) -> None:
    assert await desk.ask("GET") == (200, {"sync": "on", "subscription": None})
    assert desk.kubernetes.states == {}


async def test_the_state_that_the_operator_wrote_is_shown(desk: Desk) -> None:
    state = SubscriptionState("name", ready=True, reason="Subscribed", expiration_time="2026-11-28T10:00:00Z")
    desk.kubernetes.states[ANNA] = state
    _, body = await desk.ask("GET")
    assert body["subscription"] == {
        "name": "name",
        "ready": True,
        "reason": "Subscribed",
        "expirationTime": "2026-11-28T10:00:00Z",
    }


@pytest.mark.parametrize(("token", "code"), [(None, "TokenMissing"), ("stale", "TokenRefused")])
async def test_without_a_good_token_nothing_is_made(desk: Desk, token: str | None, code: str) -> None:
    assert await desk.refused(token=token) == (401, code)
    assert desk.kubernetes.states == {}


@pytest.mark.parametrize("refusal", [Denied, Unauthorized])
async def test_whom_unblu_does_not_know_gets_no_subscription(desk: Desk, refusal: type[ClientError]) -> None:
    desk.gateway_failure = refusal("HTTP 403", operation="fake")
    assert await desk.refused() == (403, "UnknownToUnblu")
    assert desk.kubernetes.states == {}


async def test_an_agent_whose_mailbox_is_followed_is_answered_while_the_gateway_is_down(desk: Desk) -> None:
    await desk.ask()
    desk.gateway_failure = Unreachable("no answer", operation="fake")
    status, _ = await desk.ask()
    assert status == 200
    assert await desk.refused(token="ben") == (503, "Unavailable")


async def test_an_outage_of_entra_is_no_refusal(desk: Desk) -> None:
    desk.entra_failure = Unreachable("no answer", operation="fake")
    assert await desk.refused() == (503, "Unavailable")


async def test_an_outage_of_kubernetes_is_said(desk: Desk) -> None:
    desk.kubernetes.broken = True
    assert await desk.refused() == (503, "Unavailable")


async def test_there_is_a_bound_on_subscriptions(desk: Desk) -> None:
    desk.kubernetes.others = 1
    await desk.ask()
    assert await desk.refused(token="ben") == (503, "TooManySubscriptions")
    assert set(desk.kubernetes.states) == {ANNA}


async def test_one_agents_impatience_is_bounded_and_hurts_nobody_else(desk: Desk) -> None:
    for _ in range(PER_MINUTE):
        await desk.ask("GET")
    assert await desk.refused("GET") == (429, "TooManyRequests")
    assert (await desk.ask("GET", "ben"))[0] == 200
    desk.clock.advance(timedelta(minutes=1))
    assert (await desk.ask("GET"))[0] == 200

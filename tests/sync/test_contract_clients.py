"""What is known about Graph's subscriptions and about Entra, with the product's clients before it."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, cast

import httpx2
import pytest

from outlook_addin_core.clients.errors import (
    ClientError,
    Conflict,
    CredentialsRefused,
    Denied,
    NotFound,
    Rejected,
    ServerError,
    Throttled,
)
from outlook_addin_core.clients.graph_subscriptions import GraphSubscriptions
from outlook_addin_core.clients.tokens import TokenSource
from outlook_addin_core.domain.client_state import issue
from outlook_addin_sandbox.entra.directory import GRAPH_RESOURCE, Secret
from outlook_addin_sandbox.world import World
from sync.stage import KEY, MINUTE, Stage, Tokens
from sync.virtual import run
from sync.wire import AppTransport

DAYS = timedelta(days=6)


# Subscriptions: the client that the operator uses, against every answer of the service


async def client_of(stage: Stage) -> GraphSubscriptions:
    async def passing(_: httpx2.Request) -> None:
        """Nothing is in the way."""

    world = stage.world
    transport = AppTransport(world.graph.app, before=passing, after=passing)
    client = httpx2.AsyncClient(transport=transport, base_url=world.graph.url, trust_env=False)
    roles = world.entra.apps[world.client_id].tenants[world.tenant_id]
    tokens = Tokens(
        lambda: world.entra.tokens.for_app(world.tenant_id, world.client_id, GRAPH_RESOURCE, roles),
        stage.clock,
    )
    return GraphSubscriptions(client, tokens)


async def created(stage: Stage, subscriptions: GraphSubscriptions, lifetime: timedelta = DAYS) -> Any:
    """Make the first agent's subscription, which calls the web server back for both URLs."""
    mailbox = stage.mailbox(stage.agents[0])
    for each in list(stage.world.graph.subscriptions.values()):
        if each.user_id == mailbox.user_id:
            stage.world.graph.subscriptions.remove(each.id)
    return await make(stage, subscriptions, lifetime)


async def make(stage: Stage, subscriptions: GraphSubscriptions, lifetime: timedelta = DAYS) -> Any:
    mailbox = stage.mailbox(stage.agents[0])
    return await subscriptions.create(
        mailbox,
        notification_url=stage.config.notification_url("installation"),
        lifecycle_url=stage.config.lifecycle_url("installation"),
        client_state=issue(KEY, mailbox),
        expiration=stage.clock.now() + lifetime,
    )


def played(work: Callable[[Stage, GraphSubscriptions], Awaitable[Any]], replicas: int = 1) -> Any:
    async def play() -> Any:
        async with Stage.open(replicas=replicas) as stage:
            return await work(stage, await client_of(stage))

    return run(play())


def test_subscriptions_the_web_server_answers_both_handshakes_during_the_post() -> None:
    async def work(stage: Stage, subscriptions: GraphSubscriptions) -> float | None:
        await created(stage, subscriptions)
        registry = stage.replicas[0].metrics.registry
        return registry.get_sample_value("outlook_addin_handshakes_total", {"outcome": "answered"})

    assert played(work) == 2.0


@pytest.mark.parametrize(
    "switches",
    [
        pytest.param({"validate_lifecycle_first": True}, id="lifecycle URL first"),
        pytest.param({"shows_client_state": False}, id="clientState null in every answer"),
    ],
)
def test_subscriptions_are_made_and_renewed_whatever_is_not_documented(switches: dict[str, Any]) -> None:
    async def work(stage: Stage, subscriptions: GraphSubscriptions) -> tuple[bool, bool]:
        stage.world.graph.faults.apply(switches)
        made = await created(stage, subscriptions)
        await stage.wait(MINUTE)
        renewed = await subscriptions.renew(made.id, stage.clock.now() + DAYS)
        listed = [each.id async for each in subscriptions.list()]
        return made.id in listed, renewed.expiration - made.expiration == MINUTE

    assert played(work) == (True, True)


def test_subscriptions_the_handshake_is_repeated_on_patch_where_graph_does_so() -> None:
    async def work(stage: Stage, subscriptions: GraphSubscriptions) -> float | None:
        stage.world.graph.faults.validate_on_renewal = True
        made = await created(stage, subscriptions)
        await subscriptions.renew(made.id, stage.clock.now() + DAYS)
        registry = stage.replicas[0].metrics.registry
        return registry.get_sample_value("outlook_addin_handshakes_total", {"outcome": "answered"})

    assert played(work) == 3.0


def test_subscriptions_a_short_lifetime_is_raised_to_45_minutes() -> None:
    async def work(stage: Stage, subscriptions: GraphSubscriptions) -> timedelta:
        made = await created(stage, subscriptions, timedelta(minutes=1))
        return cast("timedelta", made.expiration - stage.clock.now())

    assert played(work) == timedelta(minutes=45)


@pytest.mark.parametrize(
    ("prepare", "lifetime", "error"),
    [
        pytest.param(
            {"maximum_lifetime": 10_070 * 60.0}, timedelta(minutes=10_075), Rejected, id="beyond 10,070"
        ),
        pytest.param(
            {"maximum_lifetime": 10_080 * 60.0}, timedelta(minutes=10_090), Rejected, id="beyond 10,080"
        ),
        pytest.param({"subscription_quota": 0}, DAYS, Denied, id="403 quota"),
        pytest.param({"stale_mailbox_info": 1}, DAYS, ServerError, id="503 Mailbox info is stale"),
    ],
)
def test_subscriptions_that_graph_refuses(
    prepare: dict[str, Any], lifetime: timedelta, error: type[ClientError]
) -> None:
    async def work(stage: Stage, subscriptions: GraphSubscriptions) -> None:
        stage.world.graph.faults.apply(prepare)
        with pytest.raises(error):
            await created(stage, subscriptions, lifetime)

    played(work)


def test_subscriptions_a_second_one_is_a_conflict_that_names_the_first() -> None:
    async def work(stage: Stage, subscriptions: GraphSubscriptions) -> bool:
        made = await created(stage, subscriptions)
        with pytest.raises(Conflict) as caught:
            await make(stage, subscriptions)
        return bool(caught.value.existing_id == made.id)

    assert played(work)


def test_subscriptions_without_an_endpoint_there_is_none() -> None:
    async def work(stage: Stage, subscriptions: GraphSubscriptions) -> int:
        before = len(stage.world.graph.subscriptions)
        with pytest.raises(Rejected):
            await created(stage, subscriptions)
        return before - len(stage.world.graph.subscriptions)

    assert played(work, replicas=0) == 1


def test_subscriptions_the_list_has_pages_and_only_the_own_tenants() -> None:
    async def work(stage: Stage, subscriptions: GraphSubscriptions) -> tuple[int, int]:
        stage.world.graph.faults.page_size = 1
        found = [each async for each in subscriptions.list()]
        return len(found), len(stage.world.graph.subscriptions)

    assert played(work) == (3, 4)


def test_subscriptions_expired_ones_are_not_found_and_deleting_them_is_as_good() -> None:
    async def work(stage: Stage, subscriptions: GraphSubscriptions) -> None:
        made = await created(stage, subscriptions, timedelta(minutes=45))
        await stage.wait(46 * MINUTE)
        with pytest.raises(NotFound):
            await subscriptions.renew(made.id, stage.clock.now() + DAYS)
        await subscriptions.delete(made.id)

    played(work)


# Entra: real sockets and certificates, since the library that asks for tokens brings its own client


@pytest.mark.parametrize(
    ("number", "break_it"),
    [
        pytest.param(7000222, "expired", id="7000222 expired secret"),
        pytest.param(7000215, "wrong", id="7000215 wrong secret"),
        pytest.param(700016, "uninstalled", id="700016 app not in the tenant"),
        pytest.param(90002, "unknown", id="90002 tenant not found"),
        pytest.param(70011, "scope", id="70011 bad scope"),
    ],
)
async def test_entra_every_refusal_says_what_to_do(number: int, break_it: str) -> None:
    async with World.start() as world:
        app = world.entra.apps[world.client_id]
        tenant, secret, scope = world.tenant_id, world.client_secret, f"{GRAPH_RESOURCE}/.default"
        match break_it:
            case "expired":
                app.secrets[:] = [Secret(secret, expires=world.now())]
            case "wrong":
                secret = "another"
            case "uninstalled":
                del app.tenants[tenant]
            case "unknown":
                tenant = "99999999-9999-4999-8999-999999999999"
            case _:
                scope = "nonsense/.default"
        authority = f"{world.entra.url}/{tenant}"
        source = TokenSource(authority, world.client_id, secret, scope, ca_bundle=world.ca_bundle.read_text())
        try:
            with pytest.raises(CredentialsRefused) as caught:
                await source.token()
        finally:
            await source.aclose()
    assert (caught.value.aadsts, bool(caught.value.remedy)) == (number, True)


@pytest.mark.parametrize("switch", ["outage", "throttled"])
async def test_entra_while_it_is_down_or_throttles_it_is_asked_again_later(switch: str) -> None:
    async with World.start() as world:
        world.entra.faults.apply({switch: True})
        authority = f"{world.entra.url}/{world.tenant_id}"
        scope = f"{GRAPH_RESOURCE}/.default"
        source = TokenSource(
            authority, world.client_id, world.client_secret, scope, ca_bundle=world.ca_bundle.read_text()
        )
        try:
            with pytest.raises((Throttled, ServerError)):
                await source.token()
        finally:
            await source.aclose()

"""What is known about Graph, item by item, with the simulator's switch and the operator behind it.

Deliveries, mailboxes and the bare clients stand in ``tests/sync/test_contract*.py``.
"""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from aiohttp import web

from operator_.mill import ADDIN, KEY, Mill, annotate, settings
from operator_.web_endpoint import web_server
from outlook_addin_operator.addin.expiry import Expiry
from outlook_addin_operator.addin.spec import view
from outlook_addin_operator.credentials import CredentialsReader
from outlook_addin_sandbox.entra import Secret
from outlook_addin_sandbox.graph import MailboxState
from outlook_addin_sandbox.serving import Fault
from outlook_addin_sandbox.world import GRAPH_ROLES

GUARD = timedelta(minutes=10)


def switch(mill: Mill, **switches: Any) -> None:
    mill.world.graph.faults.apply(switches)


# Renewing and reauthorizing


async def test_patch_and_reauthorize_never_meet_within_ten_minutes_however_often_graph_asks(
    mill: Mill,
) -> None:
    switch(mill, reauthorize_guard=GUARD.total_seconds())
    await mill.run()
    [live] = mill.live
    patched: list[datetime] = []
    for minute in range(180):
        annotate(mill, "renew-requested", f"reauthorizationRequired-{minute}")
        await mill.run()
        if live.renewed is not None and live.renewed not in patched:
            patched.append(live.renewed)
        mill.clock.turn(minutes=1)
    pauses = [later - earlier for earlier, later in pairwise(patched)]
    assert mill.status["handledRenewRequest"] == "reauthorizationRequired-179"
    assert (live.is_broken, live.reauthorized) == (False, None)
    assert [each.id for each in mill.live] == [live.id]
    assert len(patched) > 10
    assert min(pauses) >= GUARD


# Adopting


@pytest.mark.parametrize(
    "switches",
    [
        pytest.param({"conflict_names_id": False}, id="found in the list, where clientState is null"),
        pytest.param({"conflict_names_id": False, "page_size": 1}, id="on a later page of the list"),
        pytest.param({"shows_client_state": False}, id="by its id, and clientState is null there, too"),
    ],
)
async def test_what_is_ours_is_adopted_although_no_answer_shows_its_client_state(
    mill: Mill, switches: dict[str, Any]
) -> None:
    others = [each for each in mill.world.agents[1:] if each.tenant_id == mill.agent.tenant_id]
    switch(mill, **switches)
    mill.break_graph(lose_answer=True, times=1)
    due = await mill.run()
    [live] = mill.live
    state = live.client_state
    for number, other in enumerate(others):  # what else the app has, older and in front of it in the list
        mill.world.graph.subscriptions.remove(live.id)
        resource = f"users/{other.user_id}/events"
        fields = {"id": str(number), "user_id": other.user_id, "resource": resource}
        mill.world.graph.subscriptions.add(type(live)(**{**vars(live), **fields}))
        mill.world.graph.subscriptions.add(live)
    assert due is not None
    mill.clock.time = due
    await mill.run()
    assert mill.status["subscriptionId"] == live.id
    assert mill.states()["Ready"] == ("True", "Subscribed")
    assert mill.world.graph.subscriptions[live.id].client_state == state is not None
    assert len(mill.live) == 1 + len(others)


# The handshake


@pytest.mark.parametrize("code", ["InvalidRequest", "ValidationError"])
async def test_a_renewal_whose_handshake_fails_is_tried_again_until_it_succeeds(
    mill: Mill, code: str
) -> None:
    silent = True

    async def answer(request: web.Request) -> web.Response:
        return web.Response(text="" if silent else request.query["validationToken"])

    switch(mill, validation_error=code)
    async with web_server(answer) as origin:
        settings(mill)["deploymentUrl"] = origin
        silent = False
        await mill.run()
        [live] = mill.live
        switch(mill, validate_on_renewal=True)
        silent = True
        mill.clock.turn(minutes=24)
        for _ in range(4):
            due = await mill.run()
            assert mill.states()["RenewalOverdue"] == ("True", "NotificationUrlRefused")
            assert due is not None
            mill.clock.time = due
        assert mill.states()["Ready"] == ("True", "Subscribed")
        silent = False
        await mill.run()
    assert "RenewalOverdue" not in mill.states()
    assert ([each.id for each in mill.live], len(live.history)) == ([live.id], 2)


@pytest.mark.parametrize("first", [False, True], ids=["notifications first", "lifecycle first"])
@pytest.mark.parametrize("deaf", ["notifications", "lifecycle"])
async def test_without_both_handshakes_there_is_no_subscription(
    mill: Mill, deaf: str, *, first: bool
) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(text="" if deaf in request.path else request.query["validationToken"])

    switch(mill, validate_lifecycle_first=first)
    async with web_server(answer) as origin:
        settings(mill)["deploymentUrl"] = origin
        await mill.run()
        assert mill.states()["Ready"] == ("False", "NotificationUrlRefused")
        assert not mill.live
        deaf = "nobody"
        mill.clock.turn(seconds=10)
        await mill.run()
    assert mill.states()["Ready"] == ("True", "Subscribed")


# Refusals


async def test_while_mailbox_info_is_stale_the_creation_is_tried_again(mill: Mill) -> None:
    switch(mill, stale_mailbox_info=2)
    for _ in range(2):
        due = await mill.run()
        assert mill.states()["Ready"] == ("False", "GraphError")
        assert "Stalled" not in mill.states()
        assert due is not None
        mill.clock.time = due
    await mill.run()
    assert mill.states()["Ready"] == ("True", "Subscribed")
    assert mill.live[0].resource == f"users/{mill.agent.user_id}/events"


@pytest.mark.parametrize(
    ("state", "reason"),
    [(MailboxState.NOT_ENABLED, "MailboxNotFound"), (MailboxState.DENIED, "AccessDenied")],
)
async def test_a_mailbox_that_cannot_be_subscribed_says_why_and_recovers(
    mill: Mill, state: MailboxState, reason: str
) -> None:
    calendar = mill.world.graph.mailbox(mill.agent.user_id)
    calendar.state = state
    due = await mill.run()
    assert mill.states()["Stalled"] == ("True", reason)
    calendar.state = MailboxState.ACTIVE
    assert due is not None
    mill.clock.time = due
    await mill.run()
    assert mill.states()["Ready"] == ("True", "Subscribed")
    assert "Stalled" not in mill.states()


async def test_a_mailbox_with_all_the_subscriptions_it_may_have_says_so_and_recovers(mill: Mill) -> None:
    switch(mill, subscription_quota=0)
    due = await mill.run()
    assert mill.states()["Stalled"] == ("True", "AccessDenied")
    assert "1,000 subscriptions" in str(mill.status["conditions"])
    assert due is not None
    switch(mill, subscription_quota=1000)
    mill.clock.time = due
    await mill.run()
    assert mill.states()["Ready"] == ("True", "Subscribed")


# When the client secret ends


async def expiry_of(mill: Mill, expiry: Expiry) -> datetime | None:
    addin = view(mill.cluster.objects[ADDIN])
    return await expiry.of(addin, await CredentialsReader(mill.cluster, mill.clock).read(addin))


@pytest.fixture
def end(mill: Mill) -> datetime:
    """When the secret ends that the operator uses; one that begins otherwise ends before."""
    ends = (mill.clock.now() + timedelta(days=60)).astimezone(UTC)
    used, other = Secret(mill.world.client_secret, expires=ends), Secret("!!!", expires=mill.clock.now())
    mill.world.entra.apps[mill.world.client_id].secrets[:] = [other, used]
    return ends


def permit(mill: Mill) -> None:
    app = mill.world.entra.apps[mill.world.client_id]
    app.tenants = dict.fromkeys(app.tenants, (*GRAPH_ROLES, "Application.Read.All"))


async def test_graph_tells_when_the_used_secret_ends_where_that_is_permitted(
    mill: Mill, end: datetime
) -> None:
    permit(mill)
    settings(mill)["credentials"] = {"expirationTime": "2030-01-01T00:00:00Z"}
    assert await expiry_of(mill, Expiry(mill.graph, mill.clock)) == end


@pytest.mark.parametrize("why", ["not permitted", "another tenant's", "no path by client id"])
async def test_where_graph_does_not_tell_the_spec_does(mill: Mill, end: datetime, why: str) -> None:
    if why != "not permitted":
        permit(mill)
    if why == "another tenant's":
        mill.world.entra.apps[mill.world.client_id].home_tenant = mill.world.other_tenant_id
    if why == "no path by client id":
        switch(mill, application_by_key=False)
    expiry = Expiry(mill.graph, mill.clock)
    assert await expiry_of(mill, expiry) is None
    settings(mill)["credentials"] = {"expirationTime": "2030-01-01T00:00:00Z"}
    assert await expiry_of(mill, expiry) == datetime(2030, 1, 1, tzinfo=UTC) != end


async def test_a_permission_that_is_given_later_is_noticed_within_six_hours(
    mill: Mill, end: datetime
) -> None:
    expiry = Expiry(mill.graph, mill.clock)
    assert await expiry_of(mill, expiry) is None
    permit(mill)
    mill.clock.turn(hours=5, minutes=45)
    assert await expiry_of(mill, expiry) is None
    mill.clock.turn(minutes=15)
    await expiry_of(mill, expiry)  # the token of six hours ago is refused once
    mill.clock.turn(minutes=10)
    assert await expiry_of(mill, expiry) == end


async def test_that_nobody_tells_when_the_secret_ends_does_not_keep_a_mailbox_from_its_subscription(
    mill: Mill,
) -> None:
    mill.world.graph.faults.rules = [Fault("GET /v1.0/applications*", status=500)]
    assert await expiry_of(mill, Expiry(mill.graph, mill.clock)) is None
    await mill.run(KEY)
    assert mill.states()["Ready"] == ("True", "Subscribed")

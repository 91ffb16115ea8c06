"""How a mailbox gets its Graph subscription, and what is said when it does not."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from aiohttp import web

from operator_.mill import BEN, SECRET, UID, Mill, add_ben, annotate, settings
from operator_.web_endpoint import web_server
from outlook_addin_core.clients.graph_subscriptions import Subscription as Graph
from outlook_addin_core.domain import client_state
from outlook_addin_core.domain.mailbox import Mailbox
from outlook_addin_operator.keys import Key
from outlook_addin_operator.lease_keeper import NotLeadingError
from outlook_addin_sandbox.graph import Subscription
from outlook_addin_sandbox.serving import Fault


async def test_a_first_subscription_is_what_graph_granted_and_proves_its_origin(mill: Mill) -> None:
    due = await mill.run()
    [live] = mill.live
    assert mill.status["subscriptionId"] == live.id
    assert live.expiration == mill.clock.now() + timedelta(minutes=45)
    assert live.immutable_ids
    mailbox = Mailbox(mill.agent.tenant_id, mill.agent.user_id)
    assert client_state.verify([SECRET], live.client_state or "") == mailbox
    assert live.notification_url.endswith(f"/addin/graph/notifications?installation={UID}")
    assert due is not None
    assert timedelta(minutes=20) < due - mill.clock.now() < timedelta(minutes=24)
    assert mill.body["metadata"]["finalizers"] == ["outlook-addin.dev/cleanup"]


async def test_a_handshake_that_takes_too_long_is_explained_and_tried_again(mill: Mill) -> None:
    async def slow(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    mill.world.graph.faults.validation_timeout = 0.1
    async with web_server(slow) as origin:
        settings(mill)["deploymentUrl"] = origin
        next_time = await mill.run()
    assert mill.states()["Ready"] == ("False", "NotificationUrlRefused")
    assert "Stalled" not in mill.states()
    assert next_time == mill.clock.now() + timedelta(seconds=10)


async def test_a_handshake_that_is_slow_but_in_time_succeeds(mill: Mill) -> None:
    async def unhurried(request: web.Request) -> web.Response:
        await asyncio.sleep(0.3)
        return web.Response(text=request.query["validationToken"])

    async with web_server(unhurried) as origin:
        settings(mill)["deploymentUrl"] = origin
        await mill.run()
    assert mill.states()["Ready"] == ("True", "Subscribed")


async def test_a_handshake_with_a_wrong_answer_is_explained(mill: Mill) -> None:
    async def wrong(_: web.Request) -> web.Response:
        return web.Response(text="<html>Sign in</html>", content_type="text/html")

    async with web_server(wrong) as origin:
        settings(mill)["deploymentUrl"] = origin
        await mill.run()
    assert mill.states()["Ready"] == ("False", "NotificationUrlRefused")
    assert not mill.live


async def test_a_web_server_that_graph_cannot_reach_is_explained(mill: Mill) -> None:
    mill.cluster.objects[Key("OutlookAddin", "bank", "addin")]["spec"]["deploymentUrl"] = (
        "http://x.localhost:9"
    )
    await mill.run()
    assert mill.states()["Ready"] == ("False", "NotificationUrlRefused")
    assert "deploymentUrl" in mill.status["conditions"][0]["message"]


async def test_a_shorter_lifetime_than_asked_for_is_what_counts(mill: Mill) -> None:
    settings(mill)["syncServer"]["subscriptionExpiration"] = "144h"
    await mill.run()
    [live] = mill.live
    live.expiration = mill.clock.now() + timedelta(hours=2)
    annotate(mill, "renew-requested", "look")
    due = await mill.run()
    assert due is not None
    assert mill.status["expirationTime"] == live.expiration.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert timedelta(minutes=53) < due - mill.clock.now() <= timedelta(minutes=61)


async def test_a_lost_answer_is_made_up_for_by_adopting_what_is_ours(mill: Mill) -> None:
    mill.break_graph(lose_answer=True, times=1)
    next_time = await mill.run()
    assert mill.states()["Ready"] == ("False", "GraphUnreachable")
    [live] = mill.live
    assert next_time is not None
    mill.clock.time = next_time
    await mill.run()
    assert mill.status["subscriptionId"] == live.id
    assert [each.id for each in mill.live] == [live.id]


async def test_a_mailbox_that_another_installation_holds_is_left_to_it(mill: Mill) -> None:
    await mill.run()
    [live] = mill.live
    live.notification_url = live.notification_url.replace(UID, "another-installation")
    mill.body["status"] = {}
    await mill.run()
    assert mill.states()["Ready"] == ("False", "ClaimedElsewhere")
    assert mill.states()["Stalled"] == ("True", "ClaimedElsewhere")
    assert [each.id for each in mill.live] == [live.id]


async def test_an_operator_that_lost_the_lease_asks_graph_for_nothing(mill: Mill) -> None:
    mill.lost_lease = True
    with pytest.raises(NotLeadingError):
        await mill.run()
    assert not mill.live
    assert "status" not in mill.body


async def test_a_missing_secret_is_said_once_and_used_when_it_comes(mill: Mill) -> None:
    place = Key("Secret", "bank", "outlook-addin-secrets")
    secret = mill.cluster.objects.pop(place)
    next_time = await mill.run()
    assert mill.states()["CredentialsValid"] == ("False", "SecretNotFound")
    before = mill.writes
    assert next_time is not None
    mill.clock.time = next_time
    await mill.run()
    assert mill.writes == before
    mill.cluster.objects[place] = secret
    mill.clock.turn(minutes=1)
    await mill.run()
    assert mill.states()["CredentialsValid"] == ("True", "Accepted")


async def test_what_graph_says_about_a_person_is_not_repeated(mill: Mill) -> None:
    mill.break_graph(
        status=403, code="ErrorAccessDenied", message=f"Access to {mill.agent.address} is denied."
    )
    await mill.run()
    assert mill.states()["Stalled"] == ("True", "AccessDenied")
    assert mill.agent.address not in str(mill.status)


def says_it_exists(mill: Mill, subscription_id: str, *, times: int = 1) -> None:
    """Let Graph refuse a creation and name what is in the way."""
    message = f"Subscription Id {subscription_id} already exists for the requested combination"
    conflict = Fault(operation="POST /v1.0/subscriptions", status=409, message=message, times=times)
    mill.world.graph.faults.rules = [conflict]


async def test_what_serves_another_mailbox_is_never_taken_over(mill: Mill) -> None:
    add_ben(mill)
    await mill.run(BEN)
    [bens] = mill.live
    granted = bens.expiration
    mill.clock.turn(minutes=1)
    says_it_exists(mill, bens.id)
    await mill.run()
    assert "subscriptionId" not in mill.status
    assert bens.expiration == granted


async def test_what_is_said_to_exist_and_is_gone_is_tried_again(mill: Mill) -> None:
    says_it_exists(mill, str(UUID(int=7)))
    await mill.run()
    assert mill.states()["Ready"] == ("False", "GraphError")
    assert "Stalled" not in mill.states()
    mill.clock.turn(seconds=10)
    await mill.run()
    assert mill.states()["Ready"] == ("True", "Subscribed")


async def test_ours_is_found_among_those_of_others_when_graph_does_not_name_it(mill: Mill) -> None:
    await mill.run()
    [live] = mill.live
    elsewhere = live.notification_url.replace(UID, "another-installation")
    mill.world.graph.subscriptions.remove(live.id)
    other = {**vars(live), "history": [], "id": "other", "change_type": "updated"}
    mill.world.graph.subscriptions.add(Subscription(**{**other, "notification_url": elsewhere}))
    live.resource = live.resource.replace("users", "Users")
    mill.world.graph.subscriptions.add(live)
    mill.body["status"] = {}
    conflict = Fault(operation="POST /v1.0/subscriptions", status=409, message="It exists.", times=1)
    mill.world.graph.faults.rules = [conflict]
    await mill.run()
    assert mill.status["subscriptionId"] == live.id


@pytest.mark.parametrize(
    "expiration", [datetime(2020, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)]
)
async def test_an_expiration_that_makes_no_sense_leads_to_no_storm(
    mill: Mill, monkeypatch: pytest.MonkeyPatch, expiration: datetime
) -> None:
    real = Graph.from_graph
    monkeypatch.setattr(Graph, "from_graph", lambda json: replace(real(json), expiration=expiration))
    due = await mill.run()
    assert due is not None
    assert due >= mill.clock.now() + timedelta(seconds=10)
    assert due <= mill.clock.now() + timedelta(days=7)
    assert mill.status["observedGeneration"] == 1


async def test_a_url_that_graph_spells_otherwise_is_the_same_place(
    mill: Mill, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings(mill)["deploymentUrl"] = settings(mill)["deploymentUrl"].replace("addin.", "AddIn.")
    real = Graph.from_graph

    def spell(json: Mapping[str, Any]) -> Graph:
        found = real(json)
        return replace(found, notification_url=found.notification_url.replace("AddIn.", "addin."))

    monkeypatch.setattr(Graph, "from_graph", spell)
    await mill.run()
    [live] = mill.live
    for _ in range(3):
        mill.clock.turn(minutes=12)
        await mill.run()
    assert [each.id for each in mill.live] == [live.id]
    mill.body["status"] = {}
    await mill.run()
    assert [each.id for each in mill.live] == [live.id]

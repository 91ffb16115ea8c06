"""How a mailbox gets its Graph subscription, and what is said when it does not."""

import asyncio
from datetime import timedelta

import pytest
from aiohttp import web

from operator_.mill import SECRET, UID, Mill, annotate, settings
from operator_.web_endpoint import web_server
from outlook_addin_core.domain import client_state
from outlook_addin_core.domain.mailbox import Mailbox
from outlook_addin_operator.keys import Key
from outlook_addin_operator.lease_keeper import NotLeadingError


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

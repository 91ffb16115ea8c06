from dataclasses import replace
from datetime import datetime, timedelta

import aiohttp
import pytest

from outlook_addin_sandbox.graph import MailboxState
from outlook_addin_sandbox.graph.access import Caller
from outlook_addin_sandbox.graph.subscriptions import SubscriptionStore
from outlook_addin_sandbox.testing import GraphClient, Listener, TravelClock
from outlook_addin_sandbox.world import World


@pytest.fixture
def anna(world: World) -> str:
    return world.agents[0].user_id


async def test_both_urls_are_validated_before_the_subscription_exists(
    graph: GraphClient, listener: Listener, world: World, anna: str
) -> None:
    seen: list[int] = []
    listener.before_echo = lambda: seen.append(len(world.graph.subscriptions))
    status, body = await graph.subscribe(
        listener, anna, lifecycleNotificationUrl=f"{listener.url}?kind=lifecycle"
    )
    assert status == 201
    assert seen == [0, 0]
    assert body["clientState"] == "the secret"
    assert body["id"] in world.graph.subscriptions


async def test_where_nobody_listens_there_is_no_subscription(
    graph: GraphClient, listener: Listener, world: World, anna: str
) -> None:
    status, body = await graph.subscribe(listener, anna, notificationUrl="http://addin.localhost:9/")
    assert (status, body["error"]["code"], len(world.graph.subscriptions)) == (400, "InvalidRequest", 0)


async def test_a_short_lifetime_is_raised_to_45_minutes(
    graph: GraphClient, listener: Listener, world: World, anna: str
) -> None:
    wanted = (world.now() + timedelta(minutes=1)).isoformat()
    _, body = await graph.subscribe(listener, anna, expirationDateTime=wanted)
    granted = datetime.fromisoformat(body["expirationDateTime"]) - world.now()
    assert timedelta(minutes=44) < granted <= timedelta(minutes=45)


async def test_the_shortest_lifetime_is_a_switch_for_demos(
    graph: GraphClient, listener: Listener, world: World, anna: str
) -> None:
    world.apply_faults({"graph": {"minimum_lifetime": 20.0}})
    wanted = (world.now() + timedelta(seconds=1)).isoformat()
    _, body = await graph.subscribe(listener, anna, expirationDateTime=wanted)
    granted = datetime.fromisoformat(body["expirationDateTime"]) - world.now()
    assert timedelta(seconds=10) < granted <= timedelta(seconds=20)


@pytest.mark.parametrize("limit", [10_070, 10_080])
async def test_a_lifetime_beyond_the_limit_is_refused(
    graph: GraphClient, listener: Listener, world: World, anna: str, limit: int
) -> None:
    world.apply_faults({"graph": {"maximum_lifetime": limit * 60.0}})
    wanted = (world.now() + timedelta(minutes=limit + 5)).isoformat()
    status, body = await graph.subscribe(listener, anna, expirationDateTime=wanted)
    assert (status, body["error"]["code"]) == (400, "ExtensionError")
    assert body["error"]["message"] == f"Subscription expiration can only be {limit} minutes in the future."
    almost = (world.now() + timedelta(minutes=limit - 1)).isoformat()
    assert (await graph.subscribe(listener, anna, expirationDateTime=almost))[0] == 201


async def test_the_same_subscription_twice_is_a_conflict_that_names_the_first(
    graph: GraphClient, listener: Listener, anna: str
) -> None:
    _, first = await graph.subscribe(listener, anna)
    status, body = await graph.subscribe(listener, anna, resource=f"/Users/{anna}/Events")
    message = f"Subscription Id {first['id']} already exists for the requested combination"
    assert (status, body["error"]["message"]) == (409, message)


async def test_whether_a_conflict_names_the_first_is_a_switch(
    graph: GraphClient, listener: Listener, world: World, anna: str
) -> None:
    world.apply_faults({"graph": {"conflict_names_id": False}})
    _, first = await graph.subscribe(listener, anna)
    status, body = await graph.subscribe(listener, anna)
    assert (status, first["id"] in body["error"]["message"]) == (409, False)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"notificationUrl": "http://bank.example/hook"}, "InvalidRequest"),
        ({"resource": "users/x/messages"}, "InvalidRequest"),
        ({"clientState": "x" * 129}, "InvalidRequest"),
        ({"changeType": "renamed"}, "InvalidRequest"),
    ],
)
async def test_bodies_that_graph_does_not_accept_are_refused(
    graph: GraphClient, listener: Listener, anna: str, changes: dict[str, str], code: str
) -> None:
    status, body = await graph.subscribe(listener, anna, **changes)
    assert (status, body["error"]["code"]) == (400, code)


async def test_plain_http_on_this_machine_is_a_switch(
    graph: GraphClient, listener: Listener, world: World, anna: str
) -> None:
    world.apply_faults({"graph": {"allow_http_localhost": False}})
    assert (await graph.subscribe(listener, anna))[0] == 400


async def test_a_mailbox_that_is_not_in_the_cloud_cannot_be_subscribed(
    graph: GraphClient, listener: Listener, world: World, anna: str
) -> None:
    world.graph.mailbox(anna).state = MailboxState.NOT_ENABLED
    status, body = await graph.subscribe(listener, anna)
    assert (status, body["error"]["code"]) == (404, "ExtensionError")
    assert "REST API is not yet supported for this mailbox." in body["error"]["message"]


async def test_revoked_consent_is_a_403_of_graph(
    graph: GraphClient, listener: Listener, world: World, anna: str
) -> None:
    world.entra.apps[world.client_id].tenants[world.tenant_id] = ()
    status, body = await graph.subscribe(listener, anna)
    assert (status, body["error"]["code"]) == (403, "ExtensionError")


async def test_more_than_the_quota_of_a_mailbox_is_refused(
    graph: GraphClient, listener: Listener, world: World, anna: str
) -> None:
    world.apply_faults({"graph": {"subscription_quota": 1}})
    await graph.subscribe(listener, anna)
    status, _ = await graph.subscribe(listener, anna, changeType="created")
    assert status == 403


async def test_a_subscription_is_gone_after_its_expiration(
    graph: GraphClient, listener: Listener, clock: TravelClock, anna: str
) -> None:
    _, body = await graph.subscribe(listener, anna)
    clock.offset = timedelta(days=6, seconds=1)
    new = {"expirationDateTime": (clock() + timedelta(days=1)).isoformat()}
    status, answer = await graph("PATCH", f"/subscriptions/{body['id']}", new)
    assert (status, answer["error"]["code"]) == (404, "ResourceNotFound")


async def test_a_renewal_prolongs_and_can_move_the_url(
    graph: GraphClient, listener: Listener, clock: TravelClock, anna: str
) -> None:
    _, body = await graph.subscribe(listener, anna)
    clock.offset = timedelta(days=3)
    wanted = (clock() + timedelta(days=6)).replace(microsecond=0)
    new = {"expirationDateTime": wanted.isoformat(), "notificationUrl": f"{listener.url}?installation=2"}
    status, renewed = await graph("PATCH", f"/subscriptions/{body['id']}", new)
    assert (status, datetime.fromisoformat(renewed["expirationDateTime"])) == (200, wanted)
    assert renewed["notificationUrl"].endswith("?installation=2")
    assert listener.validations == 2


async def test_the_list_has_pages_and_hides_client_states(
    graph: GraphClient, listener: Listener, world: World
) -> None:
    world.apply_faults({"graph": {"page_size": 2}})
    for agent in world.agents:
        await graph.subscribe(listener, agent.user_id)
    _, first = await graph("GET", "/subscriptions")
    _, second = await graph("GET", first["@odata.nextLink"])
    assert (len(first["value"]), len(second["value"])) == (2, 1)
    assert "@odata.nextLink" not in second
    assert {each["clientState"] for each in first["value"] + second["value"]} == {None}


@pytest.mark.parametrize("shown", [True, False])
async def test_whether_other_answers_show_the_client_state_is_a_switch(
    graph: GraphClient, listener: Listener, world: World, anna: str, *, shown: bool
) -> None:
    world.apply_faults({"graph": {"shows_client_state": shown}})
    _, made = await graph.subscribe(listener, anna)
    _, read = await graph("GET", f"/subscriptions/{made['id']}")
    expected = "the secret" if shown else None
    assert (made["clientState"], read["clientState"]) == (expected, expected)


async def test_the_list_can_forget_everything_as_in_outages(
    graph: GraphClient, listener: Listener, world: World, anna: str
) -> None:
    _, made = await graph.subscribe(listener, anna)
    world.apply_faults({"graph": {"list_is_empty": True}})
    assert (await graph("GET", "/subscriptions"))[1]["value"] == []
    assert (await graph("GET", f"/subscriptions/{made['id']}"))[0] == 200


async def test_mailbox_info_can_be_stale_for_a_while(
    graph: GraphClient, listener: Listener, world: World, anna: str
) -> None:
    world.apply_faults({"graph": {"stale_mailbox_info": 2}})
    for status, body in (await graph.subscribe(listener, anna), await graph("GET", f"/users/{anna}/events")):
        assert (status, body["error"]["code"]) == (503, "ServiceUnavailable")
        assert body["error"]["message"] == "Mailbox info is stale."
    assert (await graph.subscribe(listener, anna))[0] == 201


async def test_another_tenant_sees_nothing(
    graph: GraphClient, listener: Listener, world: World, anna: str
) -> None:
    _, body = await graph.subscribe(listener, anna)
    graph.tenant_id = world.other_tenant_id
    assert (await graph("GET", "/subscriptions"))[1]["value"] == []
    assert (await graph("GET", f"/subscriptions/{body['id']}"))[0] == 404
    assert (await graph.subscribe(listener, anna, changeType="created"))[0] == 404


async def test_one_of_a_thousand_subscriptions_is_found_without_looking_at_the_others(
    graph: GraphClient, listener: Listener, world: World, clock: TravelClock, anna: str
) -> None:
    _, body = await graph.subscribe(listener, anna)
    found = world.graph.subscriptions[body["id"]]
    looks = 0

    def counting() -> datetime:
        nonlocal looks
        looks += 1
        return clock()

    store = SubscriptionStore(world.graph.faults, counting)
    for number in range(1000):
        store.add(replace(found, id=str(number), user_id=str(number % 500), resource=str(number)))
    caller = Caller(found.application_id, found.tenant_id, frozenset())
    assert store.get_owned(caller, "7").user_id == "7"
    store.check_unique(replace(found, user_id="7"))
    store.check_quota(replace(found, user_id="7"))
    assert looks < 10
    assert len(store) == len(store.values()) == 1000


async def test_deleting_and_reauthorizing_answer_204(
    graph: GraphClient, listener: Listener, anna: str
) -> None:
    _, body = await graph.subscribe(listener, anna)
    assert (await graph("POST", f"/subscriptions/{body['id']}/reauthorize"))[0] == 204
    assert (await graph("DELETE", f"/subscriptions/{body['id']}"))[0] == 204
    assert (await graph("DELETE", f"/subscriptions/{body['id']}"))[0] == 404


async def test_a_lost_answer_still_makes_the_subscription(
    graph: GraphClient, listener: Listener, world: World, anna: str
) -> None:
    rule = {"operation": "POST /v1.0/subscriptions", "lose_answer": True, "times": 1}
    world.apply_faults({"graph": {"rules": [rule]}})
    with pytest.raises(aiohttp.ClientError):
        await graph.subscribe(listener, anna)
    assert (await graph.subscribe(listener, anna))[0] == 409


async def test_tokens_are_demanded_and_expire(
    session: aiohttp.ClientSession, world: World, clock: TravelClock
) -> None:
    url = f"{world.graph.url}/v1.0/subscriptions"
    roles = ("Calendars.Read",)
    token = world.entra.tokens.for_app(world.tenant_id, world.client_id, world.graph.url, roles)
    foreign = world.entra.tokens.for_app(world.tenant_id, world.client_id, "other", roles)
    clock.offset = timedelta(hours=2)
    for header in ({}, {"Authorization": f"Bearer {token}"}, {"Authorization": f"Bearer {foreign}"}):
        async with session.get(url, headers=header) as response:
            assert response.status == 401
            assert (await response.json())["error"]["code"] == "InvalidAuthenticationToken"


async def test_throttling_names_the_time_to_wait(graph: GraphClient, world: World) -> None:
    rule = {"operation": "GET *", "status": 429, "code": "TooManyRequests", "retry_after": 3, "times": 1}
    world.apply_faults({"graph": {"rules": [rule]}})
    assert (await graph("GET", "/subscriptions"))[0] == 429
    assert (await graph("GET", "/subscriptions"))[0] == 200
    assert world.graph.requests["GET /v1.0/subscriptions 429"] == 1

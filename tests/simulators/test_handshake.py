"""The endpoint validation: what Graph demands of a notification URL, and when."""

from datetime import timedelta
from typing import Any

import pytest

from outlook_addin_sandbox.testing import GraphClient, Listener, listen_at
from outlook_addin_sandbox.world import World


@pytest.fixture
def anna(world: World) -> str:
    return world.agents[0].user_id


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"echo": False}, "not returned as plain text"),
        ({"content_type": "text/html"}, "not returned as plain text"),
        ({"is_encoded": True}, "not returned as plain text"),
        ({"validation_status": 403}, "HTTP status code is 'Forbidden'"),
        ({"validation_status": 202}, "HTTP status code is 'Accepted'"),
        ({"seconds": 2.0}, "timed out"),
    ],
    ids=["another text", "not plain text", "still encoded", "forbidden", "202", "too late"],
)
async def test_an_endpoint_that_does_not_answer_as_demanded_gets_no_subscription(
    graph: GraphClient, listener: Listener, world: World, anna: str, *, answer: dict[str, Any], message: str
) -> None:
    world.apply_faults({"graph": {"validation_timeout": 0.1 if "seconds" in answer else 10.0}})
    for name, value in answer.items():
        setattr(listener, name, value)
    status, body = await graph.subscribe(listener, anna)
    assert (status, body["error"]["code"], len(world.graph.subscriptions)) == (400, "InvalidRequest", 0)
    assert message in body["error"]["message"]


async def test_the_code_of_a_failed_validation_is_a_switch(
    graph: GraphClient, listener: Listener, world: World, anna: str
) -> None:
    world.apply_faults({"graph": {"validation_error": "ValidationError"}})
    listener.echo = False
    assert (await graph.subscribe(listener, anna))[1]["error"]["code"] == "ValidationError"


@pytest.mark.parametrize(
    ("first", "order"), [(False, ["changes", "lifecycle"]), (True, ["lifecycle", "changes"])]
)
async def test_which_url_is_validated_first_is_a_switch(
    graph: GraphClient, listener: Listener, world: World, anna: str, *, first: bool, order: list[str]
) -> None:
    world.apply_faults({"graph": {"validate_lifecycle_first": first}})
    seen: list[str] = []
    listener.before_echo = lambda: seen.append("changes")
    async with listen_at("/lifecycle") as lifecycle:
        lifecycle.before_echo = lambda: seen.append("lifecycle")
        await graph.subscribe(listener, anna, lifecycleNotificationUrl=lifecycle.url)
    assert seen == order


@pytest.mark.parametrize(("twice", "times"), [(False, 1), (True, 2)])
async def test_how_often_one_url_for_both_is_validated_is_a_switch(
    graph: GraphClient, listener: Listener, world: World, anna: str, *, twice: bool, times: int
) -> None:
    world.apply_faults({"graph": {"validate_same_url_twice": twice}})
    await graph.subscribe(listener, anna)
    assert listener.validations == times


@pytest.mark.parametrize(("repeated", "times"), [(False, 1), (True, 3)])
async def test_whether_a_renewal_validates_again_is_a_switch(
    graph: GraphClient, listener: Listener, world: World, anna: str, *, repeated: bool, times: int
) -> None:
    world.apply_faults({"graph": {"validate_on_renewal": repeated}})
    _, body = await graph.subscribe(listener, anna)
    new = {"expirationDateTime": (world.now() + timedelta(days=5)).isoformat()}
    assert (await graph("PATCH", f"/subscriptions/{body['id']}", new))[0] == 200
    assert (await graph("POST", f"/subscriptions/{body['id']}/reauthorize"))[0] == 204
    assert listener.validations == times


async def test_a_renewal_that_is_not_validated_changes_nothing(
    graph: GraphClient, listener: Listener, world: World, anna: str
) -> None:
    world.apply_faults({"graph": {"validate_on_renewal": True}})
    _, before = await graph.subscribe(listener, anna)
    listener.echo = False
    new = {"expirationDateTime": (world.now() + timedelta(days=1)).isoformat()}
    assert (await graph("PATCH", f"/subscriptions/{before['id']}", new))[0] == 400
    assert (await graph("GET", f"/subscriptions/{before['id']}"))[1] == before

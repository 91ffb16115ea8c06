from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from outlook_addin_sandbox.graph import Mailbox, Recurrence, SimEvent
from outlook_addin_sandbox.testing import GraphClient, Listener, listen_at
from outlook_addin_sandbox.world import World

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def mailbox(world: World) -> Mailbox:
    return world.graph.mailbox(world.agents[0].user_id)


@pytest.fixture
async def subscription(graph: GraphClient, listener: Listener, mailbox: Mailbox) -> str:
    _, body = await graph.subscribe(listener, mailbox.user_id)
    return str(body["id"])


def meet(mailbox: Mailbox, subject: str = "Review") -> SimEvent:
    return mailbox.create_event(subject, NOON, NOON + HOUR)


def told(listener: Listener) -> list[tuple[str, str]]:
    return [(item["changeType"], item["resourceData"]["id"]) for item in listener.items]


async def test_every_change_is_told_with_the_immutable_id(
    world: World, listener: Listener, mailbox: Mailbox, subscription: str
) -> None:
    event = meet(mailbox)
    await world.settle()
    mailbox.update_event(event.id, subject="Renamed")
    await world.settle()
    mailbox.delete_event(event.immutable_id)
    await world.settle()
    mailbox.restore_event(event.immutable_id)
    await world.settle()
    kinds = ["created", "updated", "deleted", "created"]
    assert told(listener) == [(kind, event.immutable_id) for kind in kinds]
    item = listener.items[0]
    assert (item["subscriptionId"], item["clientState"]) == (subscription, "the secret")
    assert item["tenantId"] == world.tenant_id
    assert item["resource"].lower().startswith(f"users/{mailbox.user_id}/events/")


@pytest.mark.usefixtures("subscription")
async def test_nothing_of_an_event_is_in_a_notification(
    world: World, listener: Listener, mailbox: Mailbox
) -> None:
    meet(mailbox, "Very private matters")
    await world.settle()
    assert "private" not in str(listener.items)


async def test_changes_of_several_mailboxes_share_a_post(
    world: World, graph: GraphClient, listener: Listener
) -> None:
    for agent in world.agents:
        await graph.subscribe(listener, agent.user_id)
    for agent in world.agents:
        meet(world.graph.mailbox(agent.user_id))
    await world.settle()
    assert len({item["subscriptionId"] for item in listener.items}) == 3
    assert listener.posts == 1


@pytest.mark.usefixtures("subscription")
async def test_a_move_between_calendars_keeps_the_immutable_id_only(
    world: World, graph: GraphClient, listener: Listener, mailbox: Mailbox
) -> None:
    world.apply_faults({"graph": {"covers_all_calendars": True}})
    event = meet(mailbox)
    moved = mailbox.move(event.id, mailbox.add_calendar("Second").id)
    await world.settle()
    assert told(listener) == [("created", event.immutable_id), ("updated", event.immutable_id)]
    assert (moved.id != event.id, moved.immutable_id == event.immutable_id) == (True, True)
    assert (await graph("GET", f"/users/{mailbox.user_id}/events/{event.id}"))[0] == 404


@pytest.mark.usefixtures("subscription")
async def test_a_move_out_of_the_default_calendar_looks_like_a_deletion(
    world: World, graph: GraphClient, listener: Listener, mailbox: Mailbox
) -> None:
    event = meet(mailbox)
    mailbox.move(event.id, mailbox.add_calendar("Second").id)
    await world.settle()
    assert told(listener)[-1] == ("deleted", event.immutable_id)
    assert (await graph("GET", f"/users/{mailbox.user_id}/events/{event.immutable_id}"))[0] == 200


@pytest.mark.usefixtures("subscription")
async def test_a_deleted_occurrence_is_told_as_a_change_of_its_series(
    world: World, listener: Listener, mailbox: Mailbox
) -> None:
    master = mailbox.create_event("Daily", NOON, NOON + HOUR, recurrence=Recurrence(count=5))
    await world.settle()
    mailbox.delete_event(mailbox.view(NOON, NOON + timedelta(days=9))[1].id)
    await world.settle()
    assert told(listener) == [("created", master.immutable_id), ("updated", master.immutable_id)]


@pytest.mark.usefixtures("subscription")
@pytest.mark.parametrize(
    ("switches", "kinds"),
    [
        ({"duplicates": 1}, ["created", "created"]),
        ({"created_updated_pairs": True}, ["created", "updated"]),
        ({"created_updated_pairs": True, "reorder": True, "delay": 0.02}, ["updated", "created"]),
        ({"lose": 1}, []),
        ({"endpoint_state": "drop"}, []),
        ({"endpoint_state": "slow", "slow_delay": 0.02}, ["created"]),
    ],
)
async def test_delivery_can_be_as_unreliable_as_in_reality(
    world: World,
    listener: Listener,
    mailbox: Mailbox,
    switches: dict[str, Any],
    kinds: list[str],
) -> None:
    world.apply_faults({"graph": switches})
    meet(mailbox)
    await world.settle()
    assert [item["changeType"] for item in listener.items] == kinds


@pytest.mark.usefixtures("subscription")
@pytest.mark.parametrize(
    ("switch", "on", "off"),
    [
        (
            "custom_property_notifies",
            ["created", "updated", "deleted", "created"],
            ["created", "deleted", "created"],
        ),
        (
            "restore_notifies_created",
            ["created", "updated", "deleted", "created"],
            ["created", "updated", "deleted", "updated"],
        ),
    ],
)
@pytest.mark.parametrize("is_on", [True, False])
async def test_what_is_announced_as_what_is_a_switch(
    world: World,
    listener: Listener,
    mailbox: Mailbox,
    *,
    switch: str,
    on: list[str],
    off: list[str],
    is_on: bool,
) -> None:
    world.apply_faults({"graph": {switch: is_on}})
    event = meet(mailbox)
    mailbox.set_custom_properties(event.id, "an-add-in", "{}")
    mailbox.delete_event(event.immutable_id)
    mailbox.restore_event(event.immutable_id)
    await world.settle()
    assert [item["changeType"] for item in listener.items] == (on if is_on else off)


@pytest.mark.usefixtures("subscription")
@pytest.mark.parametrize(("size", "posts"), [(1, 5), (2, 3), (20, 1)])
async def test_how_many_items_share_a_post_is_a_switch(
    world: World, listener: Listener, mailbox: Mailbox, size: int, posts: int
) -> None:
    world.apply_faults({"graph": {"batch_size": size}})
    for number in range(5):
        meet(mailbox, str(number))
    await world.settle()
    assert (len(listener.items), listener.posts) == (5, posts)


@pytest.mark.usefixtures("subscription")
async def test_what_was_not_accepted_is_sent_again(
    world: World, listener: Listener, mailbox: Mailbox
) -> None:
    world.apply_faults({"graph": {"retry_base": 0.02}})
    listener.status = 503
    event = meet(mailbox)
    await listener.wait_for_posts(2)
    listener.status = 202
    await world.settle()
    assert told(listener) == [("created", event.immutable_id)]


@pytest.mark.usefixtures("subscription")
@pytest.mark.parametrize(
    ("limits", "outcome"),
    [({"first_timeout": 9.0}, "delivered"), ({"first_timeout": 0.05}, "delivered after a retry")],
    ids=["in time", "in the longer time of the retry"],
)
async def test_a_retry_is_given_more_time_than_the_first_try(
    world: World, listener: Listener, mailbox: Mailbox, *, limits: dict[str, float], outcome: str
) -> None:
    world.apply_faults({"graph": {"retry_timeout": 9.0, "retry_base": 0.02, **limits}})
    listener.seconds = 0.3
    meet(mailbox)
    await world.settle()
    retried = world.graph.courier.outcomes["retried"] == 1
    assert ("delivered after a retry" if retried else "delivered") == outcome


@pytest.mark.usefixtures("subscription")
async def test_what_is_never_accepted_is_given_up(world: World, listener: Listener, mailbox: Mailbox) -> None:
    world.apply_faults({"graph": {"retry_base": 0.02, "retry_limit": 0.1}})
    listener.status = 500
    meet(mailbox)
    await world.settle()
    assert (world.graph.courier.outcomes["expired"], listener.items) == (1, [])


async def test_forged_items_carry_another_client_state(
    world: World, listener: Listener, mailbox: Mailbox, subscription: str
) -> None:
    world.apply_faults({"graph": {"forge": True}})
    meet(mailbox)
    await world.settle()
    world.graph.send_forged(subscription, client_state="guess", event_id="made up")
    await world.settle()
    assert {item["clientState"] for item in listener.items} == {"the secret", "forged", "guess"}


async def test_lifecycle_events_go_to_their_own_url_and_removal_removes(
    world: World,
    graph: GraphClient,
    listener: Listener,
    mailbox: Mailbox,
) -> None:
    async with listen_at("/lifecycle") as lifecycle:
        _, body = await graph.subscribe(listener, mailbox.user_id, lifecycleNotificationUrl=lifecycle.url)
        for event in ("reauthorizationRequired", "missed", "subscriptionRemoved"):
            world.graph.send_lifecycle(body["id"], event)
            await world.settle()
    kinds = [item["lifecycleEvent"] for item in lifecycle.items]
    assert kinds == ["reauthorizationRequired", "missed", "subscriptionRemoved"]
    assert all("changeType" not in item and item["clientState"] for item in lifecycle.items)
    assert (listener.items, body["id"] in world.graph.subscriptions) == ([], False)


@pytest.mark.parametrize("switch", [False, True])
async def test_lifecycle_events_and_changes_can_share_a_post(
    world: World, graph: GraphClient, listener: Listener, mailbox: Mailbox, *, switch: bool
) -> None:
    """They do where one URL serves both, and by a switch also where there are two."""
    url = listener.url
    async with listen_at("/lifecycle") as lifecycle:
        lifecycle_url = lifecycle.url if switch else url
        _, body = await graph.subscribe(listener, mailbox.user_id, lifecycleNotificationUrl=lifecycle_url)
        world.apply_faults({"graph": {"mix_lifecycle": switch}})
        meet(mailbox)
        world.graph.send_lifecycle(body["id"], "reauthorizationRequired")
        world.graph.send_lifecycle(body["id"], "missed")
        await world.settle()
    found = [item.get("changeType") or item["lifecycleEvent"] for item in listener.items]
    assert (found, listener.posts) == (["created", "reauthorizationRequired", "missed"], 1)
    assert lifecycle.posts == 0


async def test_patch_and_reauthorize_too_close_break_the_subscription_by_a_switch(
    world: World, graph: GraphClient, listener: Listener, mailbox: Mailbox, subscription: str
) -> None:
    world.apply_faults({"graph": {"reauthorize_guard": 600}})
    new = {"expirationDateTime": (world.now() + timedelta(days=5)).isoformat()}
    await graph("PATCH", f"/subscriptions/{subscription}", new)
    await graph("POST", f"/subscriptions/{subscription}/reauthorize")
    meet(mailbox)
    await world.settle()
    assert listener.items == []

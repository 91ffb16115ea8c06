"""Delta queries about a calendar view. The product compares lists instead and never asks one."""

from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from outlook_addin_sandbox.graph import Mailbox, Recurrence, SimEvent
from outlook_addin_sandbox.testing import Answer, GraphClient
from outlook_addin_sandbox.world import World

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
WINDOW = {"startDateTime": "2027-03-01T00:00:00Z", "endDateTime": "2027-03-08T00:00:00Z"}
DELTA, NEXT = "@odata.deltaLink", "@odata.nextLink"


@pytest.fixture
def mailbox(world: World) -> Mailbox:
    return world.graph.mailbox(world.agents[0].user_id)


@pytest.fixture
def path(mailbox: Mailbox) -> str:
    return f"/users/{mailbox.user_id}/calendarView/delta"


def meet(mailbox: Mailbox, subject: str = "Review", at: datetime = NOON, **fields: Any) -> SimEvent:
    return mailbox.create_event(subject, at, at + HOUR, **fields)


async def whole(graph: GraphClient, path: str, **query: str) -> tuple[list[dict[str, Any]], str]:
    """Return the items of one round and its deltaLink."""
    items: list[dict[str, Any]] = []
    while True:
        status, body = await graph("GET", path, **query)
        assert status == 200, body
        assert (DELTA in body) != (NEXT in body)
        items += body["value"]
        if DELTA in body:
            return items, body[DELTA]
        path, query = body[NEXT], {}


def subjects(items: list[dict[str, Any]]) -> list[str]:
    return [each.get("subject", f"removed {each['id']}") for each in items]


async def test_a_round_shows_the_window_page_by_page_and_the_next_one_what_changed(
    graph: GraphClient, mailbox: Mailbox, path: str
) -> None:
    graph.prefer += ", odata.maxpagesize=2"
    events = [meet(mailbox, str(number), NOON + number * HOUR) for number in range(5)]
    items, link = await whole(graph, path, **WINDOW)
    assert subjects(items) == ["0", "1", "2", "3", "4"]
    mailbox.update_event(events[3].id, subject="renamed")
    mailbox.delete_event(events[1].id)
    meet(mailbox, "new")
    changed, link = await whole(graph, link)
    assert subjects(changed) == ["new", "renamed", f"removed {events[1].immutable_id}"]
    assert changed[-1] == {
        "@odata.type": "#microsoft.graph.event",
        "id": events[1].immutable_id,
        "@removed": {"reason": "deleted"},
    }
    assert (await whole(graph, link))[0] == []


async def test_removed_can_mean_moved_out_of_the_window_or_never_in_it(
    graph: GraphClient, mailbox: Mailbox, path: str, world: World
) -> None:
    inside, outside = meet(mailbox), meet(mailbox, at=NOON + timedelta(days=30))
    _, link = await whole(graph, path, **WINDOW)
    mailbox.update_event(inside.id, start=NOON + timedelta(days=60), end=NOON + timedelta(days=60) + HOUR)
    mailbox.update_event(outside.id, subject="elsewhere")
    found, _ = await whole(graph, link)
    assert {each["id"] for each in found} == {inside.immutable_id, outside.immutable_id}
    assert all("@removed" in each for each in found)
    world.apply_faults({"graph": {"delta_tells_outside": False}})
    assert [each["id"] for each in (await whole(graph, link))[0]] == [inside.immutable_id]


async def test_a_token_serves_both_forms_of_id(graph: GraphClient, mailbox: Mailbox, path: str) -> None:
    event = meet(mailbox)
    _, link = await whole(graph, path, **WINDOW)
    mailbox.update_event(event.id, subject="Renamed")
    immutable, _ = await whole(graph, link)
    graph.prefer = ""
    default, _ = await whole(graph, link)
    assert (immutable[0]["id"], default[0]["id"]) == (event.immutable_id, event.id)


async def test_of_a_series_the_occurrences_are_told_and_by_a_switch_its_master(
    graph: GraphClient, mailbox: Mailbox, path: str, world: World
) -> None:
    meet(mailbox, recurrence=Recurrence(count=3))
    items, link = await whole(graph, path, **WINDOW)
    assert [each["type"] for each in items] == ["occurrence"] * 3
    mailbox.delete_event(mailbox.view(NOON, NOON + timedelta(days=5))[1].id)
    changed, _ = await whole(graph, link)
    assert ["@removed" in each for each in changed] == [False, False, True]
    world.apply_faults({"graph": {"delta_masters": True}})
    assert (await whole(graph, path, **WINDOW))[0][0]["type"] == "seriesMaster"


async def test_pages_may_be_empty_and_items_may_come_twice(
    graph: GraphClient, mailbox: Mailbox, path: str, world: World
) -> None:
    meet(mailbox)
    world.apply_faults({"graph": {"delta_empty_page": True, "delta_replays": True}})
    _, first = await graph("GET", path, **WINDOW)
    assert (first["value"], NEXT in first) == ([], True)
    assert subjects((await whole(graph, first[NEXT]))[0]) == ["Review", "Review"]


@pytest.mark.parametrize(
    "query",
    [{}, {**WINDOW, "$select": "subject"}, {**WINDOW, "$filter": "x"}, {"$deltatoken": "nonsense"}],
    ids=["no window", "$select", "$filter", "made-up token"],
)
async def test_what_delta_does_not_serve_is_refused(
    graph: GraphClient, path: str, query: dict[str, str]
) -> None:
    assert (await graph("GET", path, **query))[0] == 400


async def test_window_less_delta_is_not_in_this_version(graph: GraphClient, mailbox: Mailbox) -> None:
    assert (await graph("GET", f"/users/{mailbox.user_id}/events/delta"))[0] == 404


async def raw(session: aiohttp.ClientSession, graph: GraphClient, url: str) -> tuple[Answer, str | None]:
    """Return the answer and its Location."""
    world = graph.world
    token = world.entra.tokens.for_app(
        world.tenant_id, world.client_id, "https://graph.microsoft.com", ("Calendars.Read",)
    )
    async with session.get(url, headers={"Authorization": f"Bearer {token}"}) as response:
        return (response.status, await response.json()), response.headers.get("Location")


@pytest.mark.parametrize("number", [0, 2])
async def test_an_expired_token_is_gone_and_the_location_begins_anew(
    session: aiohttp.ClientSession, graph: GraphClient, mailbox: Mailbox, path: str, number: int
) -> None:
    meet(mailbox)
    graph.world.apply_faults({"graph": {"delta_tokens": number}})
    _, link = await whole(graph, path, **WINDOW)
    for _ in range(number):
        await whole(graph, path, **WINDOW)  # newer tokens push the oldest out
    (status, body), location = await raw(session, graph, link)
    assert (status, body["error"]["code"]) == (410, "SyncStateNotFound")
    assert location is not None
    assert "%24deltatoken=" in location
    assert subjects((await whole(graph, location))[0]) == ["Review"]


@pytest.mark.parametrize("code", ["syncStateNotFound", "resyncRequired", "syncStateInvalid"])
async def test_an_expired_token_may_be_another_error_without_location(
    session: aiohttp.ClientSession, graph: GraphClient, path: str, world: World, code: str
) -> None:
    switches = {"delta_tokens": 0, "delta_expired_status": 404, "delta_expired_code": code}
    world.apply_faults({"graph": switches})
    _, link = await whole(graph, path, **WINDOW)
    (status, body), location = await raw(session, graph, link)
    assert (status, body["error"]["code"], location) == (404, code, None)


async def test_a_token_of_another_mailbox_is_worth_nothing(
    graph: GraphClient, mailbox: Mailbox, path: str, world: World
) -> None:
    _, link = await whole(graph, path, **WINDOW)
    foreign = link.replace(mailbox.user_id, world.agents[1].user_id)
    assert (await graph("GET", foreign))[0] == 410

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import unquote
from uuid import UUID

import httpx2
import pytest

from outlook_addin_core.clients import errors
from outlook_addin_core.clients.graph_events import GraphEvents
from outlook_addin_core.clients.http import make_client
from outlook_addin_core.domain.events import Event, Gone
from outlook_addin_core.domain.mailbox import Mailbox

MAILBOX = Mailbox("84bd8158-6d4d-4958-8b9f-9d6445542f95", "622eaaff-0683-4862-9de4-f2ec83c2bd98")
ADDIN = "0f0e0d0c-0b0a-4908-8706-050403020100"
PROPERTY = f"String {{00020329-0000-0000-c000-000000000046}} Name cecp-{ADDIN}"
LINK, OTHER_LINK = UUID(int=7), UUID(int=8)


class Token:
    async def token(self) -> str:
        return "token"


class FakeMailbox:
    """A mailbox with calendars that answers one event to a page, and only to requests that are complete."""

    def __init__(self) -> None:
        self.calendars: dict[str, list[dict[str, Any]]] = {"calendar/1=": [], "calendar+2": []}
        self.deleted: list[dict[str, Any]] = []
        self.refusals: dict[str, httpx2.Response] = {}

    def put(self, calendar: str, identity: str, link: UUID | None) -> None:
        self.calendars[calendar].append(graph_event(identity, link))

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        assert request.headers["Authorization"] == "Bearer token"
        assert request.headers["Prefer"] == 'IdType="ImmutableId", outlook.timezone="UTC"'
        raw = request.url.raw_path.decode().partition("?")[0].split("/")
        assert raw[:4] == ["", "v1.0", "users", MAILBOX.user_id]
        parts = [unquote(part) for part in raw[4:]]
        for refused, answer in self.refusals.items():
            if refused in parts:
                return answer
        if parts == ["calendars"]:
            return page(request, [{"id": name} for name in self.calendars])
        link, _, more = request.url.params["$expand"].partition(",")
        assert link == f"singleValueExtendedProperties($filter=id eq '{PROPERTY}')"
        if parts[0] == "events":
            return self._event(parts[1], with_calendar=more == "calendar")
        return page(request, self._matching(self.calendars[parts[1]], request.url.params["$filter"]))

    def _event(self, identity: str, *, with_calendar: bool) -> httpx2.Response:
        for name, events in self.calendars.items():
            for event in events:
                if event["id"] == identity:
                    return httpx2.Response(
                        200, json=event | ({"calendar": {"id": name}} if with_calendar else {})
                    )
        deleted = [event for event in self.deleted if event["id"] == identity]
        return httpx2.Response(200, json=deleted[0]) if deleted else refusal(404, "ErrorItemNotFound")

    def _matching(self, events: list[dict[str, Any]], condition: str) -> list[dict[str, Any]]:
        prefix = f"singleValueExtendedProperties/Any(ep: ep/id eq '{PROPERTY}' and "
        assert condition.startswith(prefix)
        test = condition.removeprefix(prefix).removesuffix(")")
        text = "" if test == "ep/value ne null" else test.split("'")[1]
        linked = [event for event in events if "singleValueExtendedProperties" in event]
        return [event for event in linked if text in event["singleValueExtendedProperties"][0]["value"]]


def graph_event(identity: str, link: UUID | None) -> dict[str, Any]:
    event: dict[str, Any] = {"id": identity, "@odata.etag": "1", "subject": "Review"}
    event["start"] = {"dateTime": "2026-12-09T20:30:00.0000000", "timeZone": "UTC"}
    if link is not None:
        value = json.dumps({"v": 1, "uuid": str(link)})
        event["singleValueExtendedProperties"] = [{"id": PROPERTY, "value": value}]
    return event


def page(request: httpx2.Request, items: list[dict[str, Any]]) -> httpx2.Response:
    start = int(request.url.params.get("$skip", "0"))
    body: dict[str, Any] = {"value": items[start : start + 1]}
    if start + 1 < len(items):
        body["@odata.nextLink"] = str(request.url.copy_set_param("$skip", start + 1))
    return httpx2.Response(200, json=body)


def refusal(status: int, code: str) -> httpx2.Response:
    return httpx2.Response(status, json={"error": {"code": code, "message": "no"}})


@pytest.fixture
def mailbox() -> FakeMailbox:
    return FakeMailbox()


@pytest.fixture
async def events(mailbox: FakeMailbox) -> AsyncIterator[GraphEvents]:
    transport = httpx2.MockTransport(mailbox)
    async with make_client(base_url="https://graph.example", transport=transport) as client:
        yield GraphEvents(client, Token(), ADDIN)


async def test_an_event_is_read_with_its_link(mailbox: FakeMailbox, events: GraphEvents) -> None:
    mailbox.put("calendar/1=", "AAMk/x+y=", LINK)
    event = await events.get(MAILBOX, "AAMk/x+y=")
    assert isinstance(event, Event)
    assert (event.id, event.link) == ("AAMk/x+y=", LINK)


@pytest.mark.parametrize("code", ["ErrorItemNotFound", "errorItemNotFound"])
async def test_an_item_that_graph_does_not_find_is_gone(
    mailbox: FakeMailbox, events: GraphEvents, code: str
) -> None:
    mailbox.refusals["x"] = refusal(404, code)
    assert isinstance(await events.get(MAILBOX, "x"), Gone)


async def test_an_item_that_graph_still_shows_among_the_deleted_ones_is_gone(
    mailbox: FakeMailbox, events: GraphEvents
) -> None:
    mailbox.deleted.append(graph_event("x", LINK))
    assert isinstance(await events.get(MAILBOX, "x"), Gone)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (404, "MailboxNotEnabledForRESTAPI", errors.NotFound),
        (404, "Request_ResourceNotFound", errors.NotFound),
        (404, "", errors.NotFound),
        (403, "ErrorAccessDenied", errors.Denied),
        (429, "ApplicationThrottled", errors.Throttled),
        (503, "ServiceUnavailable", errors.ServerError),
        (410, "ErrorItemNotFound", errors.Rejected),
    ],
)
async def test_a_read_that_failed_never_means_gone(
    mailbox: FakeMailbox, events: GraphEvents, status: int, code: str, kind: type[errors.ClientError]
) -> None:
    mailbox.put("calendar/1=", "x", LINK)
    mailbox.refusals["x"] = refusal(status, code)
    with pytest.raises(kind):
        await events.get(MAILBOX, "x")


@pytest.mark.parametrize("answer", [httpx2.Response(200, text="<html>"), httpx2.Response(200, json={})])
async def test_an_answer_that_cannot_be_read_never_means_gone(
    mailbox: FakeMailbox, events: GraphEvents, answer: httpx2.Response
) -> None:
    mailbox.refusals["x"] = answer
    with pytest.raises(errors.ServerError):
        await events.get(MAILBOX, "x")


async def test_a_link_is_found_in_every_calendar_and_on_every_page(
    mailbox: FakeMailbox, events: GraphEvents
) -> None:
    mailbox.put("calendar/1=", "one", OTHER_LINK)
    mailbox.put("calendar/1=", "two", None)
    mailbox.put("calendar/1=", "three", LINK)
    mailbox.put("calendar/1=", "four", LINK)
    mailbox.put("calendar+2", "five", LINK)
    mailbox.deleted.append(graph_event("deleted", LINK))
    assert {event.id for event in await events.find_by_link(MAILBOX, LINK)} == {"three", "four", "five"}
    linked = {event.id async for event in events.linked(MAILBOX)}
    assert linked == {"one", "three", "four", "five"}


async def test_a_property_that_only_mentions_the_uuid_is_no_link(
    mailbox: FakeMailbox, events: GraphEvents
) -> None:
    event = graph_event("x", OTHER_LINK)
    event["singleValueExtendedProperties"][0]["value"] = json.dumps(
        {"v": 1, "uuid": "none", "note": str(LINK)}
    )
    mailbox.calendars["calendar+2"].append(event)
    assert await events.find_by_link(MAILBOX, LINK) == []


@pytest.mark.parametrize("refused", ["calendars", "calendar+2"])
async def test_a_search_that_is_not_complete_is_an_error(
    mailbox: FakeMailbox, events: GraphEvents, refused: str
) -> None:
    mailbox.put("calendar/1=", "x", LINK)
    mailbox.refusals[refused] = refusal(429, "ApplicationThrottled")
    with pytest.raises(errors.Throttled):
        await events.find_by_link(MAILBOX, LINK)


async def test_a_page_that_leads_to_itself_is_not_read_for_ever(
    mailbox: FakeMailbox, events: GraphEvents
) -> None:
    link = f"https://graph.example/v1.0/users/{MAILBOX.user_id}/calendars"
    mailbox.refusals["calendars"] = httpx2.Response(200, json={"value": [], "@odata.nextLink": link})
    with pytest.raises(errors.ServerError, match="same page"):
        await events.find_by_link(MAILBOX, LINK)


@pytest.mark.parametrize("body", [{}, {"value": None}, {"value": [1]}, {"value": [{}]}])
async def test_a_list_that_cannot_be_read_is_an_error(
    mailbox: FakeMailbox, events: GraphEvents, body: dict[str, Any]
) -> None:
    mailbox.refusals["calendars"] = httpx2.Response(200, json=body)
    with pytest.raises(errors.ServerError):
        await events.find_by_link(MAILBOX, LINK)

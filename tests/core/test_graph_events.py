import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote
from uuid import UUID

import httpx2
import pytest

from outlook_addin_core.clients import errors
from outlook_addin_core.clients.graph_events import GraphEvents
from outlook_addin_core.clients.http import make_client
from outlook_addin_core.domain.conversations import Conversation
from outlook_addin_core.domain.events import Event, Gone
from outlook_addin_core.domain.links import SourceId
from outlook_addin_core.domain.mailbox import Mailbox
from outlook_addin_core.domain.series import next_occurrence

MAILBOX = Mailbox("84bd8158-6d4d-4958-8b9f-9d6445542f95", "622eaaff-0683-4862-9de4-f2ec83c2bd98")
ADDIN = "0f0e0d0c-0b0a-4908-8706-050403020100"
PROPERTY = f"String {{00020329-0000-0000-c000-000000000046}} Name cecp-{ADDIN}"
LINK, OTHER_LINK = UUID(int=7), UUID(int=8)


NOW = datetime(2026, 12, 1, 10, 0, tzinfo=UTC)
DAY = timedelta(days=1)
PUBLIC_LINK = "https://unblu.bank.example/c/42"
CONVERSATION = Conversation(
    id="conversation",
    source_id=str(SourceId(ADDIN, MAILBOX, LINK)),
    state="CREATED",
    scheduled=datetime(2026, 12, 9, 20, 30, tzinfo=UTC),
    public_link=PUBLIC_LINK,
)


class Token:
    async def token(self) -> str:
        return "token"


class FakeMailbox:
    """A mailbox with calendars that answers one event to a page, and only to requests that are complete."""

    def __init__(self) -> None:
        self.calendars: dict[str, list[dict[str, Any]]] = {"calendar/1=": [], "calendar+2": []}
        self.owners: dict[str, str] = {}
        self.deleted: list[dict[str, Any]] = []
        self.occurrences: dict[str, list[dict[str, Any]]] = {}
        self.cancelled: dict[str, list[str]] = {}
        self.refusals: dict[str, httpx2.Response] = {}
        self.requests: list[str] = []

    def put(self, calendar: str, identity: str, link: UUID | None, **more: Any) -> None:
        self.calendars[calendar].append(graph_event(identity, link) | more)

    def put_series(
        self, identity: str, link: UUID | None, occurrences: list[dict[str, Any]], *cancelled: str
    ) -> None:
        self.put("calendar/1=", identity, link, type="seriesMaster")
        self.occurrences[identity] = occurrences
        self.cancelled[identity] = list(cancelled)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        assert request.headers["Authorization"] == "Bearer token"
        assert request.headers["Prefer"] == 'IdType="ImmutableId", outlook.timezone="UTC"'
        raw = request.url.raw_path.decode().partition("?")[0].split("/")
        assert raw[:4] == ["", "v1.0", "users", MAILBOX.user_id]
        parts = [unquote(part) for part in raw[4:]]
        self.requests.append(parts[-1])
        for refused, answer in self.refusals.items():
            if refused in parts:
                return answer
        return self._answer(request, parts)

    def _answer(self, request: httpx2.Request, parts: list[str]) -> httpx2.Response:
        if parts == ["calendars"]:
            return page(request, [self._calendar(name) for name in self.calendars])
        link, _, more = request.url.params["$expand"].partition(",")
        if parts[0] == "events" and link == "exceptionOccurrences":
            return self._series(parts[1], request.url.params["$select"])
        assert link == f"singleValueExtendedProperties($filter=id eq '{PROPERTY}')"
        match parts:
            case ["events", identity]:
                return self._event(identity, with_calendar=more == "calendar")
            case ["events", master, "instances"]:
                assert request.url.params["$select"].endswith(",occurrenceId")
                return self._instances(request, master)
            case ["calendars", name, "calendarView"]:
                assert request.url.params["$select"].endswith(",body,location,locations")
                return page(request, within(request, self._shown(name)))
            case _:
                assert "body" not in request.url.params["$select"]
                return page(request, self._matching(self.calendars[parts[1]], request.url.params["$filter"]))

    def _calendar(self, name: str) -> dict[str, Any]:
        default = name == next(iter(self.calendars))
        owner = {"owner": {"address": self.owners[name]}} if name in self.owners else {}
        return {"id": name, "isDefaultCalendar": default} | owner

    def _event(self, identity: str, *, with_calendar: bool) -> httpx2.Response:
        for name, events in self.calendars.items():
            for event in events:
                if event["id"] == identity:
                    return httpx2.Response(
                        200, json=event | ({"calendar": {"id": name}} if with_calendar else {})
                    )
        deleted = [event for event in self.deleted if event["id"] == identity]
        return httpx2.Response(200, json=deleted[0]) if deleted else refusal(404, "ErrorItemNotFound")

    def _series(self, identity: str, select: str) -> httpx2.Response:
        assert select == "id,cancelledOccurrences,exceptionOccurrences"
        answer = self._event(identity, with_calendar=True)
        if answer.status_code != 200:
            return answer
        changed = [each for each in self.occurrences[identity] if each["type"] == "exception"]
        bare = [
            {name: value for name, value in each.items() if name != "singleValueExtendedProperties"}
            for each in changed
        ]
        more = {"cancelledOccurrences": self.cancelled[identity], "exceptionOccurrences": bare}
        return httpx2.Response(200, json=answer.json() | more)

    def _instances(self, request: httpx2.Request, master: str) -> httpx2.Response:
        if master not in self.occurrences:
            return refusal(404, "ErrorItemNotFound")
        return page(request, within(request, self.occurrences[master]))

    def _shown(self, name: str) -> list[dict[str, Any]]:
        events = [each for each in self.calendars[name] if each.get("type") != "seriesMaster"]
        series = [each["id"] for each in self.calendars[name] if each.get("type") == "seriesMaster"]
        return events + [each for master in series for each in self.occurrences[master]]

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
    event["end"] = {"dateTime": "2026-12-09T21:30:00.0000000", "timeZone": "UTC"}
    if link is not None:
        value = json.dumps({"v": 1, "uuid": str(link)})
        event["singleValueExtendedProperties"] = [{"id": PROPERTY, "value": value}]
    return event


def occurrence(
    start: datetime, link: UUID | None, kind: str = "occurrence", master: str = "series"
) -> dict[str, Any]:
    event = graph_event(f"{master}@{start:%Y-%m-%d}", link)
    times = {"start": {"dateTime": f"{start:%Y-%m-%dT%H:%M:%S}"}}
    times["end"] = {"dateTime": f"{start + timedelta(hours=1):%Y-%m-%dT%H:%M:%S}"}
    return event | times | {"type": kind, "seriesMasterId": master}


def within(request: httpx2.Request, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    start, end = (datetime.fromisoformat(request.url.params[f"{side}DateTime"]) for side in ("start", "end"))
    assert end - start <= timedelta(days=1825)
    return [each for each in items if moment(each["start"]) < end and moment(each["end"]) > start]


def moment(value: dict[str, str]) -> datetime:
    return datetime.fromisoformat(value["dateTime"]).replace(tzinfo=UTC)


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
    with pytest.raises(errors.ServerError, match="was there before"):
        await events.find_by_link(MAILBOX, LINK)


@pytest.mark.parametrize("body", [{}, {"value": None}, {"value": [1]}, {"value": [{}]}])
async def test_a_list_that_cannot_be_read_is_an_error(
    mailbox: FakeMailbox, events: GraphEvents, body: dict[str, Any]
) -> None:
    mailbox.refusals["calendars"] = httpx2.Response(200, json=body)
    with pytest.raises(errors.ServerError):
        await events.find_by_link(MAILBOX, LINK)


async def test_a_colleagues_calendar_that_is_closed_to_us_does_not_stand_in_the_way(
    mailbox: FakeMailbox, events: GraphEvents
) -> None:
    mailbox.put("calendar/1=", "x", LINK)
    mailbox.owners = {"calendar/1=": "anna@bank.example", "calendar+2": "ben@bank.example"}
    mailbox.refusals["calendar+2"] = refusal(403, "ErrorAccessDenied")
    assert [event.id for event in await events.find_by_link(MAILBOX, LINK)] == ["x"]
    mailbox.refusals["calendar+2"] = refusal(429, "ApplicationThrottled")
    with pytest.raises(errors.Throttled):
        await events.find_by_link(MAILBOX, LINK)


@pytest.mark.parametrize(
    "owners", [{}, {"calendar/1=": "Anna@bank.example", "calendar+2": "anna@bank.example"}]
)
async def test_a_calendar_of_ones_own_that_cannot_be_searched_proves_nothing(
    mailbox: FakeMailbox, events: GraphEvents, owners: dict[str, str]
) -> None:
    mailbox.owners = owners
    mailbox.refusals["calendar+2"] = refusal(403, "ErrorAccessDenied")
    with pytest.raises(errors.Denied):
        await events.find_by_link(MAILBOX, LINK)


class TestSeries:
    async def test_the_next_occurrence_is_found_with_two_requests(
        self, mailbox: FakeMailbox, events: GraphEvents
    ) -> None:
        weekly = [occurrence(NOW + 7 * number * DAY, LINK) for number in range(-1, 1)]
        mailbox.put_series("series", LINK, weekly, "OID.series.2026-12-15")
        master = await events.get(MAILBOX, "series")
        assert isinstance(master, Event)
        mailbox.requests.clear()
        series = await events.series(MAILBOX, master, NOW + timedelta(minutes=30))
        assert series is not None
        following = next_occurrence(master, series, NOW + timedelta(minutes=30))
        assert following is not None
        assert (following.id, following.start) == ("series@2026-12-01", NOW)
        assert series.cancelled == {"OID.series.2026-12-15"}
        assert mailbox.requests == ["series", "instances"]

    @pytest.mark.parametrize("days", [3, 41, 364, 399, 1800])
    async def test_the_next_occurrence_is_found_however_long_the_series_pauses(
        self, mailbox: FakeMailbox, events: GraphEvents, days: int
    ) -> None:
        mailbox.put_series("series", LINK, [occurrence(NOW + days * DAY, LINK)])
        master = await events.get(MAILBOX, "series")
        assert isinstance(master, Event)
        series = await events.series(MAILBOX, master, NOW)
        assert series is not None
        following = next_occurrence(master, series, NOW)
        assert following is not None
        assert following.start == NOW + days * DAY

    async def test_a_series_that_is_over_has_no_next_occurrence(
        self, mailbox: FakeMailbox, events: GraphEvents
    ) -> None:
        mailbox.put_series("series", LINK, [occurrence(NOW - DAY, LINK)])
        master = await events.get(MAILBOX, "series")
        assert isinstance(master, Event)
        series = await events.series(MAILBOX, master, NOW)
        assert series is not None
        assert next_occurrence(master, series, NOW) is None

    async def test_a_series_that_is_gone_has_nothing(self, mailbox: FakeMailbox, events: GraphEvents) -> None:
        master = Event(id="series", etag="1", type="seriesMaster", link=LINK)
        assert await events.series(MAILBOX, master, NOW) is None
        assert await events.exceptions(MAILBOX, "series") == []
        mailbox.deleted.append(graph_event("series", LINK) | {"type": "seriesMaster"})
        mailbox.occurrences["series"] = [occurrence(NOW, LINK, "exception")]
        mailbox.cancelled["series"] = []
        assert await events.series(MAILBOX, master, NOW) is None
        assert await events.exceptions(MAILBOX, "series") == []

    @pytest.mark.parametrize("part", ["series", "instances"])
    @pytest.mark.parametrize(
        ("failure", "kind"),
        [((404, "MailboxNotEnabledForRESTAPI"), errors.NotFound), ((503, ""), errors.ServerError)],
    )
    async def test_a_series_that_cannot_be_read_is_an_error(
        self,
        mailbox: FakeMailbox,
        events: GraphEvents,
        part: str,
        failure: tuple[int, str],
        kind: type[errors.ClientError],
    ) -> None:
        mailbox.put_series("series", LINK, [occurrence(NOW, LINK, "exception")])
        mailbox.refusals[part] = refusal(*failure)
        master = Event(id="series", etag="1", type="seriesMaster", link=LINK)
        with pytest.raises(kind):
            await events.series(MAILBOX, master, NOW)
        with pytest.raises(kind):
            await events.exceptions(MAILBOX, "series")

    async def test_a_series_that_goes_while_it_is_read_has_nothing(
        self, mailbox: FakeMailbox, events: GraphEvents
    ) -> None:
        mailbox.put_series("series", LINK, [occurrence(NOW, LINK, "exception")])
        mailbox.refusals["instances"] = refusal(404, "ErrorItemNotFound")
        master = Event(id="series", etag="1", type="seriesMaster", link=LINK)
        assert await events.series(MAILBOX, master, NOW) is None
        assert await events.exceptions(MAILBOX, "series") == []
        with pytest.raises(errors.NotFound):
            await events.instances(MAILBOX, "series", NOW, NOW + DAY)

    async def test_an_occurrence_that_was_scheduled_by_itself_is_found_in_its_series_only(
        self, mailbox: FakeMailbox, events: GraphEvents
    ) -> None:
        own = occurrence(NOW + 200 * DAY, LINK, "exception")
        moved = occurrence(NOW + DAY, OTHER_LINK, "exception")
        mailbox.put_series("series", OTHER_LINK, [occurrence(NOW, OTHER_LINK), moved, own])
        assert await events.find_by_link(MAILBOX, LINK) == []
        found = await events.find_by_link(MAILBOX, LINK, "series")
        assert [(each.id, each.link, each.series_master_id) for each in found] == [
            (own["id"], LINK, "series")
        ]
        assert {each.id for each in await events.exceptions(MAILBOX, "series")} == {own["id"], moved["id"]}

    async def test_a_series_without_changed_occurrences_costs_one_request(
        self, mailbox: FakeMailbox, events: GraphEvents
    ) -> None:
        mailbox.put_series("series", None, [occurrence(NOW, None)])
        assert await events.exceptions(MAILBOX, "series") == []
        assert mailbox.requests == ["series"]


class TestDay:
    @pytest.mark.parametrize(
        "text",
        [
            {"body": {"content": f'<div id="x_outlook-addin-unblu-{str(LINK).upper()}">'}},
            {"body": {"content": f'<a href="{PUBLIC_LINK}">Join</a>'}},
            {"location": {"displayName": PUBLIC_LINK}},
            {"locations": [{"locationUri": PUBLIC_LINK}]},
        ],
        ids=["block", "body", "location", "locations"],
    )
    async def test_an_event_is_found_by_its_text_in_every_calendar(
        self, mailbox: FakeMailbox, events: GraphEvents, text: dict[str, Any]
    ) -> None:
        mailbox.put("calendar/1=", "other", None, body={"content": "Lunch"})
        mailbox.put("calendar+2", "x", None, **text)
        found = await events.on_day(MAILBOX, CONVERSATION)
        assert [(each.id, each.link) for each in found] == [("x", None)]

    async def test_occurrences_are_found_by_their_property(
        self, mailbox: FakeMailbox, events: GraphEvents
    ) -> None:
        own = occurrence(datetime(2026, 12, 9, 8, tzinfo=UTC), LINK, "exception")
        later = occurrence(datetime(2026, 12, 16, 8, tzinfo=UTC), LINK, "exception")
        mailbox.put_series("series", None, [own, later])
        assert [each.id for each in await events.on_day(MAILBOX, CONVERSATION)] == [own["id"]]

    async def test_a_calendar_that_cannot_be_searched_is_an_error(
        self, mailbox: FakeMailbox, events: GraphEvents
    ) -> None:
        mailbox.refusals["calendar+2"] = refusal(500, "")
        with pytest.raises(errors.ServerError):
            await events.on_day(MAILBOX, CONVERSATION)

    async def test_nothing_that_was_read_in_a_body_is_kept(
        self, mailbox: FakeMailbox, events: GraphEvents
    ) -> None:
        mailbox.put("calendar+2", "x", None, body={"content": f"Private remark {PUBLIC_LINK}"})
        found = await events.on_day(MAILBOX, CONVERSATION)
        assert "remark" not in repr([vars(each) for each in found])

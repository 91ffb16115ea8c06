import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from outlook_addin_sandbox.graph import Mailbox, MailboxState, Recurrence, SimEvent
from outlook_addin_sandbox.testing import GraphClient, TravelClock
from outlook_addin_sandbox.world import World

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ADDIN = "0f5a3c1e-7d1b-4a27-9c43-6a3a3d6a7f10"
PROPERTY = f"String {{00020329-0000-0000-C000-000000000046}} Name cecp-{ADDIN}"
EXPAND = f"singleValueExtendedProperties($filter=id eq '{PROPERTY}')"


@pytest.fixture
def mailbox(world: World) -> Mailbox:
    return world.graph.mailbox(world.agents[0].user_id)


@pytest.fixture
def base(mailbox: Mailbox) -> str:
    return f"/users/{mailbox.user_id}"


def meet(mailbox: Mailbox, subject: str = "Review", **fields: Any) -> SimEvent:
    return mailbox.create_event(subject, NOON, NOON + HOUR, **fields)


async def subjects(graph: GraphClient, path: str, **query: str) -> list[str]:
    status, body = await graph("GET", path, **query)
    assert status == 200
    return [each["subject"] for each in body["value"]]


async def test_an_event_is_shown_as_documented(graph: GraphClient, mailbox: Mailbox, base: str) -> None:
    event = meet(mailbox, sensitivity="private", time_zone="Europe/Zurich", categories=("A",))
    _, body = await graph("GET", f"{base}/events/{event.immutable_id}")
    assert body["start"] == {"dateTime": "2027-03-01T12:00:00.0000000", "timeZone": "UTC"}
    assert (body["id"], body["type"]) == (event.immutable_id, "singleInstance")
    assert (body["sensitivity"], body["isOrganizer"], body["isCancelled"]) == ("private", True, False)
    assert body["originalStartTimeZone"] == "W. Europe Standard Time"
    assert body["@odata.etag"].startswith('W/"')


async def test_another_time_zone_and_default_ids_can_be_preferred(
    graph: GraphClient, mailbox: Mailbox, base: str
) -> None:
    event = meet(mailbox)
    graph.prefer = 'outlook.timezone="Tokyo Standard Time"'
    _, body = await graph("GET", f"{base}/events/{event.immutable_id}")
    assert body["start"] == {"dateTime": "2027-03-01T21:00:00.0000000", "timeZone": "Tokyo Standard Time"}
    assert body["id"] == event.id


async def test_all_day_events_are_whole_days_in_any_zone(
    graph: GraphClient, mailbox: Mailbox, base: str
) -> None:
    midnight = datetime(2027, 7, 1, tzinfo=ZoneInfo("Europe/Zurich"))
    day = timedelta(days=1)
    event = mailbox.create_event("Off", midnight, midnight + day, is_all_day=True, time_zone="Europe/Zurich")
    _, body = await graph("GET", f"{base}/events/{event.immutable_id}")
    assert body["start"]["dateTime"] == "2027-07-01T00:00:00.0000000"


async def test_custom_properties_come_only_when_expanded(
    graph: GraphClient, mailbox: Mailbox, base: str
) -> None:
    event = meet(mailbox)
    mailbox.set_custom_properties(event.id, ADDIN.upper(), '{"v":1}')
    _, plain = await graph("GET", f"{base}/events/{event.immutable_id}")
    _, body = await graph("GET", f"{base}/events/{event.immutable_id}", **{"$expand": EXPAND})
    assert "singleValueExtendedProperties" not in plain
    [stored] = body["singleValueExtendedProperties"]
    assert (stored["id"].lower(), stored["value"]) == (PROPERTY.lower(), '{"v":1}')


async def test_an_event_without_the_property_has_no_such_member(
    graph: GraphClient, mailbox: Mailbox, base: str
) -> None:
    event = meet(mailbox)
    _, body = await graph("GET", f"{base}/events/{event.immutable_id}", **{"$expand": EXPAND})
    assert "singleValueExtendedProperties" not in body


async def test_linked_events_are_found_by_their_property(
    graph: GraphClient, mailbox: Mailbox, base: str
) -> None:
    link = str(uuid4())
    meet(mailbox, "linked", custom_properties={ADDIN: f'{{"v":1,"uuid":"{link}"}}'})
    meet(mailbox, "other add-in", custom_properties={str(uuid4()): f'{{"uuid":"{link}"}}'})
    meet(mailbox, "plain")
    any_value = f"singleValueExtendedProperties/Any(ep: ep/id eq '{PROPERTY}' and ep/value ne null)"
    this_link = (
        f"singleValueExtendedProperties/Any(ep: ep/id eq '{PROPERTY}' and contains(ep/value, '{link}'))"
    )
    other = this_link.replace(link, str(uuid4()))
    upper = any_value.replace("cecp", "CECP")
    for query, found in ((any_value, ["linked"]), (this_link, ["linked"]), (other, []), (upper, [])):
        assert await subjects(graph, f"{base}/events", **{"$filter": query, "$expand": EXPAND}) == found


async def test_a_filter_that_is_not_understood_is_refused(graph: GraphClient, base: str) -> None:
    status, body = await graph("GET", f"{base}/events", **{"$filter": "geo.distance(location, x) lt 3"})
    assert (status, body["error"]["code"]) == (400, "ErrorInvalidUrlQueryFilter")


async def test_changes_since_a_time_are_found(
    graph: GraphClient, mailbox: Mailbox, base: str, clock: TravelClock
) -> None:
    meet(mailbox, "old")
    clock.offset = HOUR
    meet(mailbox, "new")
    since = (clock() - HOUR / 2).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    query = f"lastModifiedDateTime ge {since} and isCancelled eq false"
    # An hour ahead, the token of an hour before would have expired.
    assert await subjects(graph, f"{base}/events", **{"$filter": query}) == ["new"]


async def test_lists_have_pages(graph: GraphClient, mailbox: Mailbox, base: str) -> None:
    for number in range(5):
        meet(mailbox, str(number))
    graph.prefer = "odata.maxpagesize=2"
    found, path = [], f"{base}/events"
    while path:
        _, body = await graph("GET", path)
        found += [each["subject"] for each in body["value"]]
        path = body.get("@odata.nextLink")
    assert found == ["0", "1", "2", "3", "4"]


async def test_secondary_calendars_have_their_own_list(
    graph: GraphClient, mailbox: Mailbox, base: str, world: World
) -> None:
    second = mailbox.add_calendar("Second")
    meet(mailbox, "there", calendar_id=second.id)
    _, calendars = await graph("GET", f"{base}/calendars")
    assert {each["name"]: each["isDefaultCalendar"] for each in calendars["value"]} == {
        "Calendar": True,
        "Second": False,
    }
    assert await subjects(graph, f"{base}/calendars/{second.id}/events") == ["there"]
    assert await subjects(graph, f"{base}/events") == []
    world.apply_faults({"graph": {"covers_all_calendars": True}})
    assert await subjects(graph, f"{base}/events") == ["there"]


async def test_a_deleted_event_is_not_found_and_can_be_restored(
    graph: GraphClient, mailbox: Mailbox, base: str
) -> None:
    event = meet(mailbox)
    assert (await graph("DELETE", f"{base}/events/{event.immutable_id}"))[0] == 204
    status, body = await graph("GET", f"{base}/events/{event.immutable_id}")
    assert (status, body["error"]["code"]) == (404, "ErrorItemNotFound")
    mailbox.restore_event(event.immutable_id)
    assert (await graph("GET", f"{base}/events/{event.immutable_id}"))[0] == 200


async def test_a_deleted_event_may_be_readable_but_is_in_no_calendar(
    graph: GraphClient, mailbox: Mailbox, base: str, world: World
) -> None:
    world.apply_faults({"graph": {"read_deleted": True}})
    event = meet(mailbox)
    path = f"{base}/events/{event.immutable_id}"
    assert (await graph("GET", path, **{"$expand": "calendar"}))[1]["calendar"]["name"] == "Calendar"
    mailbox.delete_event(event.id)
    status, body = await graph("GET", path, **{"$expand": "calendar"})
    assert (status, "calendar" in body) == (200, False)
    assert (await graph("GET", f"{path}/calendar"))[0] == 404
    assert await subjects(graph, f"{base}/events") == []


async def test_cancelling_is_for_organizers_and_ends_in_deleted_items(
    graph: GraphClient, mailbox: Mailbox, base: str
) -> None:
    mine, theirs = meet(mailbox), meet(mailbox, is_organizer=False, organizer="boss@bank.example")
    assert (await graph("POST", f"{base}/events/{mine.immutable_id}/cancel"))[0] == 202
    assert (await graph("POST", f"{base}/events/{theirs.immutable_id}/cancel"))[0] == 400
    mailbox.cancel(theirs.id)
    assert (await graph("GET", f"{base}/events/{mine.immutable_id}"))[0] == 404
    _, body = await graph("GET", f"{base}/events/{theirs.immutable_id}")
    assert (body["isCancelled"], body["subject"]) == (True, "Canceled: Review")


async def test_events_can_be_written_over_http(graph: GraphClient, mailbox: Mailbox, base: str) -> None:
    zone = "W. Europe Standard Time"
    body = {
        "subject": "Plan",
        "start": {"dateTime": "2027-07-01T10:00:00", "timeZone": zone},
        "end": {"dateTime": "2027-07-01T11:00:00", "timeZone": zone},
        "body": {"contentType": "html", "content": "<p>Hello</p>"},
        "attendees": [{"emailAddress": {"address": "x@client.example"}, "type": "required"}],
    }
    status, made = await graph("POST", f"{base}/events", body)
    event = mailbox.get(made["id"])
    assert (status, event.start, event.time_zone) == (
        201,
        datetime(2027, 7, 1, 8, tzinfo=UTC),
        "Europe/Berlin",
    )
    value = {"id": PROPERTY, "value": '{"v":1}'}
    changes = {"subject": "Plan B", "singleValueExtendedProperties": [value]}
    status, changed = await graph("PATCH", f"{base}/events/{made['id']}", changes)
    assert (status, changed["subject"], changed["@odata.etag"] != made["@odata.etag"]) == (
        200,
        "Plan B",
        True,
    )
    assert mailbox.get(made["id"]).custom_properties == {ADDIN: '{"v":1}'}


async def test_a_change_on_condition_of_another_version_is_refused(
    graph: GraphClient, mailbox: Mailbox, base: str, world: World
) -> None:
    path = f"{base}/events/{meet(mailbox).immutable_id}"
    _, read = await graph("GET", path)
    graph.headers["If-Match"] = read["@odata.etag"]
    assert (await graph("PATCH", path, {"subject": "First"}))[0] == 200
    for method in ("PATCH", "DELETE"):
        status, body = await graph(method, path, {"subject": "Second"})
        assert (status, body["error"]["code"]) == (412, "ErrorIrresolvableConflict")
    graph.headers["If-Match"] = "*"
    assert (await graph("PATCH", path, {"subject": "Third"}))[0] == 200
    world.apply_faults({"graph": {"honours_if_match": False}})
    graph.headers["If-Match"] = read["@odata.etag"]
    assert (await graph("PATCH", path, {"subject": "Fourth"}))[1]["subject"] == "Fourth"


async def test_a_series_shows_masters_in_lists_and_occurrences_in_views(
    graph: GraphClient, mailbox: Mailbox, base: str
) -> None:
    rule = Recurrence(pattern="weekly", days_of_week=("monday", "thursday"), count=6)
    zurich = ZoneInfo("Europe/Zurich")
    start = datetime(2027, 3, 22, 10, tzinfo=zurich)
    master = mailbox.create_event("Series", start, start + HOUR, recurrence=rule, time_zone="Europe/Zurich")
    window = {"startDateTime": "2027-03-01T00:00:00Z", "endDateTime": "2027-05-01T00:00:00Z"}
    assert await subjects(graph, f"{base}/events") == ["Series"]
    _, view = await graph("GET", f"{base}/calendarView", **window)
    starts = [each["start"]["dateTime"][:16] for each in view["value"]]
    expected = ["2027-03-22T09:00", "2027-03-25T09:00", "2027-03-29T08:00", "2027-04-01T08:00"]
    assert starts == [*expected, "2027-04-05T08:00", "2027-04-08T08:00"]
    assert {each["seriesMasterId"] for each in view["value"]} == {master.immutable_id}


async def test_cancelled_and_changed_occurrences_are_told_apart(
    graph: GraphClient, mailbox: Mailbox, base: str
) -> None:
    master = mailbox.create_event("Daily", NOON, NOON + HOUR, recurrence=Recurrence(until=date(2027, 3, 4)))
    first, second, *_ = mailbox.view(NOON, NOON + timedelta(days=9))
    mailbox.delete_event(first.id)
    mailbox.update_event(second.id, start=second.start + HOUR, end=second.end + HOUR)
    query = {"$select": "subject,cancelledOccurrences", "$expand": "exceptionOccurrences"}
    _, body = await graph("GET", f"{base}/events/{master.immutable_id}", **query)
    assert body["cancelledOccurrences"] == [f"OID.{master.immutable_id}.2027-03-01"]
    window = {"startDateTime": "2027-03-01T00:00:00Z", "endDateTime": "2027-03-09T00:00:00Z"}
    _, view = await graph("GET", f"{base}/events/{master.immutable_id}/instances", **window)
    found = [(each["type"], each["start"]["dateTime"][:13]) for each in view["value"]]
    expected = [
        ("exception", "2027-03-02T13"),
        ("occurrence", "2027-03-03T12"),
        ("occurrence", "2027-03-04T12"),
    ]
    assert found == expected
    assert (await graph("GET", f"{base}/events/{first.immutable_id}"))[0] == 404


@pytest.mark.parametrize(
    ("state", "status", "code", "message"),
    [
        (
            MailboxState.NOT_ENABLED,
            404,
            "MailboxNotEnabledForRESTAPI",
            "The mailbox is either inactive, soft-deleted, or is hosted on-premise.",
        ),
        (MailboxState.DENIED, 403, "ErrorAccessDenied", "Access to OData is disabled."),
    ],
)
async def test_a_mailbox_out_of_reach_is_not_a_deleted_event(
    graph: GraphClient, mailbox: Mailbox, *, state: MailboxState, status: int, code: str, message: str
) -> None:
    event = meet(mailbox)
    mailbox.state = state
    answer, body = await graph("GET", f"/users/{mailbox.user_id}/events/{event.immutable_id}")
    assert (answer, body["error"]["code"], body["error"]["message"]) == (status, code, message)


async def test_unknown_users_and_missing_roles_have_their_own_codes(
    graph: GraphClient, base: str, world: World
) -> None:
    _, unknown = await graph("GET", f"/users/{uuid4()}/events")
    world.entra.apps[world.client_id].tenants[world.tenant_id] = ("Calendars.Read",)
    assert (await graph("GET", f"{base}/events"))[0] == 200
    _, denied = await graph("POST", f"{base}/events", {})
    codes = [each["error"]["code"] for each in (unknown, denied)]
    assert codes == ["Request_ResourceNotFound", "ErrorAccessDenied"]
    assert denied["error"]["message"] == "Access is denied. Check credentials and try again."


async def test_no_more_than_four_requests_at_a_time_per_mailbox(
    graph: GraphClient, base: str, world: World
) -> None:
    world.apply_faults({"graph": {"mailbox_concurrency": 0}})
    status, body = await graph("GET", f"{base}/events")
    assert (status, body["error"]["code"]) == (429, "ApplicationThrottled")
    world.apply_faults({"graph": {"mailbox_concurrency": 4}})
    answers = await asyncio.gather(*(graph("GET", f"{base}/events") for _ in range(4)))
    assert {status for status, _ in answers} == {200}


def test_custom_properties_are_limited_as_in_outlook(mailbox: Mailbox) -> None:
    event = meet(mailbox)
    with pytest.raises(ValueError, match="2500"):
        mailbox.set_custom_properties(event.id, ADDIN, "x" * 2501)


def test_a_copy_carries_the_link_under_another_id(mailbox: Mailbox) -> None:
    event = meet(mailbox, custom_properties={ADDIN: "{}"})
    copy = mailbox.copy(event.id)
    assert (copy.custom_properties, copy.immutable_id != event.immutable_id) == ({ADDIN: "{}"}, True)

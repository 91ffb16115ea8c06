import contextlib
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlook_addin_core.domain.events import Event
from outlook_addin_core.domain.timezones import IANA_NAMES, zone

ADDIN = "0f0e0d0c-0b0a-4908-8706-050403020100"
LINK = UUID("622eaaff-0683-4862-9de4-f2ec83c2bd98")
PROPERTY = {
    "id": f"String {{00020329-0000-0000-C000-000000000046}} Name cecp-{ADDIN}",
    "value": json.dumps({"v": 1, "uuid": str(LINK)}),
}


def graph_event(**changes: Any) -> Event:
    json_event = {
        "@odata.etag": 'W/"1"',
        "id": "AAMk=",
        "subject": "Review",
        "start": {"dateTime": "2026-12-09T20:30:00.1234567", "timeZone": "UTC"},
        "originalStartTimeZone": "W. Europe Standard Time",
        "sensitivity": "normal",
        "type": "singleInstance",
        "isOrganizer": True,
        "singleValueExtendedProperties": [PROPERTY],
    }
    return Event.from_graph(json_event | changes, ADDIN)


def test_an_event_is_read_with_its_link() -> None:
    event = graph_event()
    assert (event.id, event.etag, event.subject, event.link) == ("AAMk=", 'W/"1"', "Review", LINK)
    assert event.start == datetime(2026, 12, 9, 20, 30, 0, 123456, tzinfo=UTC)
    assert (event.is_private, event.is_cancelled, event.is_all_day) == (False, False, False)


@pytest.mark.parametrize("properties", [None, [], "x", [None], [{"id": "other", "value": PROPERTY["value"]}]])
def test_an_event_without_our_property_has_no_link(properties: Any) -> None:
    assert graph_event(singleValueExtendedProperties=properties).link is None


def test_an_event_that_hardly_says_anything_is_still_an_event() -> None:
    event = Event.from_graph({"id": "x", "subject": None, "start": None}, ADDIN)
    assert (event.subject, event.start, event.is_organizer, event.link) == ("", None, True, None)


def test_an_event_without_an_id_is_refused() -> None:
    with pytest.raises(ValueError, match="no id"):
        graph_event(id=None)


@pytest.mark.parametrize("sensitivity", ["private", "confidential", "Private"])
def test_private_and_confidential_events_are_private(sensitivity: str) -> None:
    assert graph_event(sensitivity=sensitivity).is_private


@pytest.mark.parametrize(
    ("zone_name", "hour"),
    [
        ("W. Europe Standard Time", 23),
        ("Europe/Zurich", 23),
        ("UTC", 0),
        ("tzone://Microsoft/Custom", 0),
        (None, 0),
    ],
)
def test_an_all_day_event_begins_at_midnight_where_it_was_made(zone_name: str | None, hour: int) -> None:
    start = {"dateTime": "2026-12-10T00:00:00.0000000", "timeZone": "UTC"}
    event = graph_event(isAllDay=True, start=start, originalStartTimeZone=zone_name)
    assert event.start == datetime(2026, 12, 10 if hour == 0 else 9, hour, tzinfo=UTC)


def test_a_start_in_another_zone_is_taken_to_utc() -> None:
    start = {"dateTime": "2026-07-10T09:00:00.0000000", "timeZone": "Pacific Standard Time"}
    assert graph_event(start=start).start == datetime(2026, 7, 10, 16, tzinfo=UTC)


@pytest.mark.parametrize("windows", sorted(IANA_NAMES))
def test_every_windows_zone_is_known_to_the_zone_database(windows: str) -> None:
    assert getattr(zone(windows.upper()), "key", None) == IANA_NAMES[windows]


@pytest.mark.parametrize(
    ("day", "begins"),
    [
        ("2026-03-29", datetime(2026, 3, 28, 23, tzinfo=UTC)),
        ("2026-03-30", datetime(2026, 3, 29, 22, tzinfo=UTC)),
        ("2026-10-25", datetime(2026, 10, 24, 22, tzinfo=UTC)),
        ("2026-10-26", datetime(2026, 10, 25, 23, tzinfo=UTC)),
    ],
)
def test_all_day_events_follow_the_clocks_when_they_change(day: str, begins: datetime) -> None:
    start = {"dateTime": f"{day}T00:00:00.0000000", "timeZone": "UTC"}
    assert graph_event(isAllDay=True, start=start).start == begins


def test_where_the_clocks_skip_midnight_the_day_begins_when_they_have_changed() -> None:
    start = {"dateTime": "2026-09-06T00:00:00.0000000", "timeZone": "UTC"}
    event = graph_event(isAllDay=True, start=start, originalStartTimeZone="Pacific SA Standard Time")
    assert event.start == datetime(2026, 9, 6, 4, tzinfo=UTC)


def test_an_all_day_event_ends_at_midnight_too() -> None:
    end = {"dateTime": "2026-12-11T00:00:00.0000000", "timeZone": "UTC"}
    event = graph_event(isAllDay=True, end=end)
    assert event.end == datetime(2026, 12, 10, 23, tzinfo=UTC)


@pytest.mark.parametrize("sentinel", ["0001-01-01T00:00:00", "9999-12-31T23:59:59.9999999"])
@pytest.mark.parametrize("zone_name", ["UTC", "Tokyo Standard Time", "Hawaiian Standard Time"])
def test_what_exchange_writes_where_it_has_no_time_is_no_time(sentinel: str, zone_name: str) -> None:
    assert graph_event(start={"dateTime": sentinel, "timeZone": zone_name}).start is None


def test_an_occurrence_says_which_series_it_belongs_to() -> None:
    event = graph_event(
        type="exception", seriesMasterId="AAMkSeries", occurrenceId="OID.AAMkSeries.2026-12-09"
    )
    assert (event.is_series, event.series_master_id) == (False, "AAMkSeries")
    assert event.occurrence_id == "OID.AAMkSeries.2026-12-09"
    assert graph_event(type="seriesMaster").is_series


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40) | st.just("0001-01-01"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["dateTime", "timeZone", "id", "value"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "id",
                "subject",
                "start",
                "end",
                "isAllDay",
                "type",
                "sensitivity",
                "seriesMasterId",
                "originalStartTimeZone",
                "singleValueExtendedProperties",
            ]
        ),
        values,
    )
)
def test_no_event_however_malformed_is_worse_than_refused(json_event: dict[str, Any]) -> None:
    with contextlib.suppress(ValueError):
        Event.from_graph({"id": "x"} | json_event, ADDIN)

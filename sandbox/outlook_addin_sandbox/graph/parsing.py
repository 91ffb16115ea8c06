"""Events that clients write: Graph's JSON to fields of SimEvent."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from outlook_addin_sandbox.graph.errors import bad_request
from outlook_addin_sandbox.graph.events import Attendee, Recurrence
from outlook_addin_sandbox.graph.odata import addin_of
from outlook_addin_sandbox.graph.zones import IANA_OF_WINDOWS, zone

_SIMPLE: Mapping[str, str] = {
    "subject": "subject",
    "isAllDay": "is_all_day",
    "sensitivity": "sensitivity",
    "showAs": "show_as",
    "transactionId": "transaction_id",
}


def event_fields(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that a POST or PATCH body sets.

    Raises:
        GraphError: 400 for a member that has another shape than documented.
    """
    fields: dict[str, Any] = {ours: body[theirs] for theirs, ours in _SIMPLE.items() if theirs in body}
    try:
        for name, read in _READERS.items():
            if name in body:
                fields |= read(body[name])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise bad_request(f"The event cannot be read: {error!r}.", "UnableToDeserializePostBody") from error
    return fields


def custom_properties(body: Mapping[str, Any]) -> dict[str, str] | None:
    """Return the add-in custom properties that a body sets, by add-in id."""
    if "singleValueExtendedProperties" not in body:
        return None
    named = ((addin_of(each["id"]), each["value"]) for each in body["singleValueExtendedProperties"])
    return {name.removeprefix("cecp-"): value for name, value in named if name.startswith("cecp-")}


def _start(value: Mapping[str, str]) -> dict[str, Any]:
    name = value["timeZone"]
    return {"start": _time(value), "time_zone": IANA_OF_WINDOWS.get(name, name)}


def _time(value: Mapping[str, str]) -> datetime:
    time = datetime.fromisoformat(value["dateTime"])
    return time if time.tzinfo else time.replace(tzinfo=zone(value["timeZone"]))


def _attendees(value: list[Mapping[str, Any]]) -> dict[str, Any]:
    people = ((each["emailAddress"], each.get("type", "required")) for each in value)
    return {"attendees": tuple(Attendee(who["address"], who.get("name", ""), kind) for who, kind in people)}


def _recurrence(value: Mapping[str, Any] | None) -> dict[str, Any]:
    if value is None:
        return {"recurrence": None}
    pattern, ends = value["pattern"], value["range"]
    if pattern["type"] not in {"daily", "weekly"}:
        raise ValueError(f"pattern {pattern['type']}")
    until = date.fromisoformat(ends["endDate"]) if ends["type"] == "endDate" else None
    return {
        "recurrence": Recurrence(
            pattern=pattern["type"],
            interval=pattern.get("interval", 1),
            days_of_week=tuple(day.lower() for day in pattern.get("daysOfWeek", ())),
            count=ends["numberOfOccurrences"] if ends["type"] == "numbered" else None,
            until=until,
        )
    }


_READERS: Mapping[str, Callable[[Any], dict[str, Any]]] = {
    "start": _start,
    "end": lambda value: {"end": _time(value)},
    "body": lambda value: {"body_html": value["content"]},
    "location": lambda value: {"location": value["displayName"]},
    "categories": lambda value: {"categories": tuple(value)},
    "attendees": _attendees,
    "recurrence": _recurrence,
}

"""Events and fields between Python and the page's JSON (camelCase, times in ISO 8601 UTC).

A recurrence is ``{"type", "interval", "daysOfWeek", "numberOfOccurrences", "endDate"}``, with the
names and values of Graph's recurrencePattern and recurrenceRange; the last two are null if it has no end.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, cast

from outlook_addin_sandbox.graph.events import Recurrence
from outlook_addin_sandbox.outlook.calendar_port import CalendarEvent, EventFields

_TEXTS = {
    "subject": "subject",
    "location": "location",
    "body": "body",
    "sensitivity": "sensitivity",
    "timeZone": "time_zone",
}
_TIMES = {"start": "start", "end": "end"}


def event_json(event: CalendarEvent) -> dict[str, Any]:
    """One event for the page."""
    return {
        "id": event.id,
        "subject": event.subject,
        "start": _iso(event.start),
        "end": _iso(event.end),
        "isAllDay": event.is_all_day,
        "timeZone": event.time_zone,
        "location": event.location,
        "body": event.body,
        "attendees": list(event.attendees),
        "sensitivity": event.sensitivity,
        "isCancelled": event.is_cancelled,
        "seriesId": event.series_id,
        "recurrence": event.recurrence and _recurrence_json(event.recurrence),
        "invitedBy": event.invited_by,
        "customProperties": dict(event.custom_properties),
    }


def event_fields(body: Mapping[str, Any]) -> EventFields:
    """The editable fields in a request; raises ValueError when one has the wrong form."""
    fields: dict[str, Any] = {name: str(body[key]) for key, name in _TEXTS.items() if key in body}
    fields |= {name: datetime.fromisoformat(body[key]) for key, name in _TIMES.items() if key in body}
    if "isAllDay" in body:
        fields["is_all_day"] = bool(body["isAllDay"])
    if "attendees" in body:
        fields["attendees"] = [str(address) for address in body["attendees"]]
    if "recurrence" in body:
        fields["recurrence"] = body["recurrence"] and _recurrence(body["recurrence"])
    if {"start", "end"} <= fields.keys() and fields["end"] < fields["start"]:
        raise ValueError("The event ends before it starts.")
    return cast("EventFields", fields)


def _recurrence_json(rule: Recurrence) -> dict[str, Any]:
    return {
        "type": rule.pattern,
        "interval": rule.interval,
        "daysOfWeek": list(rule.days_of_week),
        "numberOfOccurrences": rule.count,
        "endDate": rule.until and rule.until.isoformat(),
    }


def _recurrence(value: Mapping[str, Any]) -> Recurrence:
    if value["type"] not in {"daily", "weekly"}:
        raise ValueError(f"This calendar does not repeat events {value['type']}.")
    return Recurrence(
        pattern=value["type"],
        interval=max(1, int(value["interval"])),
        days_of_week=tuple(value.get("daysOfWeek", ())),
        count=value.get("numberOfOccurrences"),
        until=date.fromisoformat(value["endDate"]) if value.get("endDate") else None,
    )


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")

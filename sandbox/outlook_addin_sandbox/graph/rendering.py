"""Events as Graph's JSON."""

import base64
from datetime import datetime
from typing import Any
from urllib.parse import quote

from outlook_addin_sandbox.graph.events import Attendee, Recurrence, SimEvent
from outlook_addin_sandbox.graph.mailbox import Mailbox
from outlook_addin_sandbox.graph.odata import PUBLIC_STRINGS, Preferences, property_value
from outlook_addin_sandbox.graph.recurrence import occurrence_id
from outlook_addin_sandbox.graph.zones import stamp, windows_name, zone


def event_id(event: SimEvent, *, immutable: bool) -> str:
    """Return the id in the form that was asked for."""
    return event.immutable_id if immutable else event.id


def change_key(event: SimEvent) -> str:
    """Return the version of an event."""
    return base64.b64encode(f"{event.immutable_id[-8:]}:{event.version:06d}".encode()).decode()


def etag(event: SimEvent) -> str:
    """Return the entity tag of an event."""
    return f'W/"{change_key(event)}"'


def event_json(
    mailbox: Mailbox, event: SimEvent, wanted: Preferences, properties: list[str]
) -> dict[str, Any]:
    """Return an event with the named extended properties that it has."""
    body: dict[str, Any] = {
        "@odata.etag": etag(event),
        "id": event_id(event, immutable=wanted.immutable_ids),
        "changeKey": change_key(event),
        "createdDateTime": stamp(event.created),
        "lastModifiedDateTime": stamp(event.modified),
        "categories": list(event.categories),
        "transactionId": event.transaction_id,
        "originalStartTimeZone": windows_name(event.time_zone),
        "originalEndTimeZone": windows_name(event.time_zone),
        "iCalUId": event.ical_uid,
        "hasAttachments": False,
        "subject": event.subject,
        "bodyPreview": "",
        "importance": "normal",
        "sensitivity": event.sensitivity,
        "isAllDay": event.is_all_day,
        "isCancelled": event.is_cancelled,
        "isOrganizer": event.is_organizer,
        "isDraft": event.is_draft,
        "seriesMasterId": _master_id(mailbox, event, immutable=wanted.immutable_ids),
        "showAs": event.show_as,
        "type": event.type,
        "isOnlineMeeting": False,
        "onlineMeeting": None,
        "body": {"contentType": "html", "content": event.body_html},
        "start": _date_time(event, event.start, wanted.time_zone),
        "end": _date_time(event, event.end, wanted.time_zone),
        "location": {"displayName": event.location},
        "recurrence": _recurrence(event),
        "attendees": [_attendee(each) for each in event.attendees],
        "organizer": {"emailAddress": _address(event.organizer or mailbox.address, "")},
    }
    if event.original_start is not None:
        body["originalStart"] = stamp(event.original_start)
        body["occurrenceId"] = _occurrence_id(mailbox, event, immutable=wanted.immutable_ids)
    found = [(name, property_value(event, name)) for name in properties]
    values = [_property(name, value) for name, value in found if value is not None]
    return {**body, "singleValueExtendedProperties": values} if values else body


def select(body: dict[str, Any], names: str) -> dict[str, Any]:
    """Keep what $select names, and what is always there."""
    kept = {each.strip() for each in names.split(",")} | {
        "id",
        "@odata.etag",
        "singleValueExtendedProperties",
    }
    return {name: value for name, value in body.items() if name in kept}


def cancelled_occurrences(mailbox: Mailbox, master: SimEvent, *, immutable: bool) -> list[str]:
    """Return the ids of a series' occurrences that are gone."""
    changed = {
        each.original_start.astimezone(each.zone).date()
        for each in mailbox.exceptions(master)
        if each.original_start is not None
    }
    gone = sorted(master.cancelled_dates - changed)
    return [occurrence_id(event_id(master, immutable=immutable), day) for day in gone]


def resource_path(mailbox: Mailbox, identifier: str) -> str:
    """Return an event's path as notifications spell it."""
    return f"Users/{mailbox.user_id}/Events/{quote(identifier, safe='=')}"


def _master_id(mailbox: Mailbox, event: SimEvent, *, immutable: bool) -> str | None:
    if event.series_master_id is None or immutable:
        return event.series_master_id
    return mailbox.get(event.series_master_id).id


def _occurrence_id(mailbox: Mailbox, event: SimEvent, *, immutable: bool) -> str:
    day = (event.original_start or event.start).astimezone(event.zone).date()
    return occurrence_id(str(_master_id(mailbox, event, immutable=immutable)), day)


def _date_time(event: SimEvent, time: datetime, zone_name: str) -> dict[str, str]:
    """All-day events are whole days: midnight, in whichever zone was asked for."""
    local = time.astimezone(event.zone if event.is_all_day else zone(zone_name))
    return {"dateTime": f"{local:%Y-%m-%dT%H:%M:%S.%f}0", "timeZone": zone_name}


def _attendee(attendee: Attendee) -> dict[str, Any]:
    return {
        "type": attendee.kind,
        "status": {"response": attendee.response, "time": "0001-01-01T00:00:00Z"},
        "emailAddress": _address(attendee.address, attendee.name),
    }


def _address(address: str, name: str) -> dict[str, str]:
    return {"name": name or address, "address": address}


def _property(name: str, value: str) -> dict[str, str]:
    return {"id": f"String {{{PUBLIC_STRINGS}}} Name {name}", "value": value}


def _recurrence(event: SimEvent) -> dict[str, Any] | None:
    rule = event.recurrence
    if rule is None:
        return None
    return {"pattern": _pattern(rule), "range": _range(event, rule)}


def _pattern(rule: Recurrence) -> dict[str, Any]:
    pattern: dict[str, Any] = {"type": rule.pattern, "interval": rule.interval}
    if rule.pattern == "weekly":
        pattern |= {"daysOfWeek": list(rule.days_of_week), "firstDayOfWeek": "monday"}
    return pattern


def _range(event: SimEvent, rule: Recurrence) -> dict[str, Any]:
    first = event.start.astimezone(event.zone).date().isoformat()
    common = {"startDate": first, "recurrenceTimeZone": windows_name(event.time_zone)}
    if rule.count is not None:
        return {"type": "numbered", "numberOfOccurrences": rule.count, **common}
    if rule.until is not None:
        return {"type": "endDate", "endDate": rule.until.isoformat(), **common}
    return {"type": "noEnd", **common}

"""`/v1.0/users/{user}/events`, calendars and calendarView."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from outlook_addin_sandbox.graph.errors import bad_request, change_key_conflict, item_not_found
from outlook_addin_sandbox.graph.events import Calendar, SimEvent
from outlook_addin_sandbox.graph.faults import GraphFaults
from outlook_addin_sandbox.graph.mailbox import Mailbox
from outlook_addin_sandbox.graph.odata import Preferences, expanded_properties, parse_filter, preferences
from outlook_addin_sandbox.graph.parsing import custom_properties, event_fields
from outlook_addin_sandbox.graph.rendering import cancelled_occurrences, etag, event_json, select
from outlook_addin_sandbox.graph.zones import moment
from outlook_addin_sandbox.serving import read_json

DEFAULT_PAGE = 10
LARGEST_PAGE = 1000


class EventApi:
    """Reads and writes events as an application with Calendars.Read or Calendars.ReadWrite.

    Args:
        faults: switches.
        origin: scheme, host and port of this service, for links.
    """

    def __init__(self, faults: GraphFaults, origin: str) -> None:
        self._faults = faults
        self._origin = origin

    async def read(self, request: web.Request, mailbox: Mailbox) -> web.Response:
        """GET of one event; what lies in Deleted Items is readable by immutable id only, and by a switch."""
        wanted, event = preferences(request), self._find(request, mailbox)
        names, members = expanded_properties(request.query.get("$expand", ""))
        body = event_json(mailbox, event, wanted, names)
        if event.recurrence is not None:
            body |= self._series(request, mailbox, event, wanted, members)
        if "$select" in request.query:
            body = select(body, request.query["$select"])
        if "calendar" in members and not event.is_deleted:
            body["calendar"] = _calendar(mailbox.calendars[event.calendar_id], mailbox)
        return web.json_response(body)

    async def read_calendar_of(self, request: web.Request, mailbox: Mailbox) -> web.Response:
        """GET of the calendar that an event is in; Deleted Items is none."""
        event = self._find(request, mailbox)
        if event.is_deleted:
            raise item_not_found()
        return web.json_response(_calendar(mailbox.calendars[event.calendar_id], mailbox))

    async def list_events(self, request: web.Request, mailbox: Mailbox) -> web.Response:
        """GET of single events and series masters, of one calendar or of what `/events` covers."""
        calendar_id = self._calendar_id(request, mailbox)
        events = [each for each in mailbox.events(calendar_id) if each.series_master_id is None]
        return self._page(request, mailbox, events)

    async def view(self, request: web.Request, mailbox: Mailbox) -> web.Response:
        """GET of what takes place in a time window, series expanded."""
        start, end = window(request)
        calendar_id = request.match_info.get("calendar", mailbox.default_calendar.id)
        return self._page(request, mailbox, mailbox.view(start, end, calendar_id))

    async def instances(self, request: web.Request, mailbox: Mailbox) -> web.Response:
        """GET of the occurrences and exceptions of a series in a time window."""
        start, end = window(request)
        master = self._find(request, mailbox)
        found = mailbox.view(start, end)
        of_master = [each for each in found if each.series_master_id == master.immutable_id]
        return self._page(request, mailbox, of_master)

    async def calendars(self, _: web.Request, mailbox: Mailbox) -> web.Response:
        """GET of all calendars."""
        found = [_calendar(each, mailbox) for each in mailbox.calendars.values()]
        return web.json_response({"value": found})

    async def create(self, request: web.Request, mailbox: Mailbox) -> web.Response:
        """POST of a new event."""
        body = await _body(request)
        fields = event_fields(body)
        if not {"start", "end"} <= fields.keys():
            raise bad_request("Start and end are required.")
        calendar_id = request.match_info.get("calendar", mailbox.default_calendar.id)
        if calendar_id not in mailbox.calendars:
            raise item_not_found()
        subject, start, end = fields.pop("subject", ""), fields.pop("start"), fields.pop("end")
        custom = {"custom_properties": custom_properties(body) or {}}
        event = mailbox.create_event(subject, start, end, calendar_id=calendar_id, **fields, **custom)
        return web.json_response(event_json(mailbox, event, preferences(request), []), status=201)

    async def update(self, request: web.Request, mailbox: Mailbox) -> web.Response:
        """PATCH of an event, on condition of If-Match; extended properties are not echoed."""
        body, event = await _body(request), self._find(request, mailbox)
        self._check_match(request, event)
        changes, custom = event_fields(body), custom_properties(body)
        if custom is not None:
            changes["custom_properties"] = {**event.custom_properties, **custom}
        changed = mailbox.update_event(event.immutable_id, **changes)
        return web.json_response(event_json(mailbox, changed, preferences(request), []))

    async def delete(self, request: web.Request, mailbox: Mailbox) -> web.Response:
        """DELETE: into Deleted Items."""
        event = self._find(request, mailbox)
        if event.is_deleted:
            raise item_not_found()
        self._check_match(request, event)
        mailbox.delete_event(event.immutable_id)
        return web.Response(status=204)

    async def cancel(self, request: web.Request, mailbox: Mailbox) -> web.Response:
        """POST cancel: for the organiser only."""
        event = self._find(request, mailbox)
        if not event.is_organizer:
            raise bad_request("You need to be an organizer to cancel a meeting.", "ErrorInvalidRequest")
        mailbox.cancel(event.immutable_id)
        return web.Response(status=202)

    def _check_match(self, request: web.Request, event: SimEvent) -> None:
        wanted = request.headers.get("If-Match", "*")
        if self._faults.honours_if_match and wanted not in {"*", etag(event)}:
            raise change_key_conflict()

    def _find(self, request: web.Request, mailbox: Mailbox) -> SimEvent:
        identifier = request.match_info["event"]
        event = mailbox.get(identifier)
        hidden = event.is_deleted and not (self._faults.read_deleted and identifier == event.immutable_id)
        if hidden:
            raise item_not_found()
        return event

    def _calendar_id(self, request: web.Request, mailbox: Mailbox) -> str | None:
        if (calendar_id := request.match_info.get("calendar")) is not None:
            if calendar_id not in mailbox.calendars:
                raise item_not_found()
            return calendar_id
        return None if self._faults.covers_all_calendars else mailbox.default_calendar.id

    def _series(
        self,
        request: web.Request,
        mailbox: Mailbox,
        master: SimEvent,
        wanted: Preferences,
        members: Iterable[str],
    ) -> dict[str, Any]:
        """What only a GET of the master shows, and only when it is selected or expanded."""
        chosen = request.query.get("$select", "")
        found: dict[str, Any] = {}
        if "cancelledOccurrences" in chosen:
            gone = cancelled_occurrences(mailbox, master, immutable=wanted.immutable_ids)
            found["cancelledOccurrences"] = gone
        if "exceptionOccurrences" in members:
            changed = mailbox.exceptions(master)
            found["exceptionOccurrences"] = [event_json(mailbox, each, wanted, []) for each in changed]
        return found

    def _page(self, request: web.Request, mailbox: Mailbox, events: list[SimEvent]) -> web.Response:
        query, wanted = dict(request.query), preferences(request)
        names, _ = expanded_properties(query.get("$expand", ""))
        if "$filter" in query:
            events = list(filter(parse_filter(query["$filter"]), events))
        start = int(query.get("$skip", "0"))
        size = min(int(query.get("$top", wanted.page_size or DEFAULT_PAGE)), LARGEST_PAGE)
        bodies = [event_json(mailbox, event, wanted, names) for event in events[start : start + size]]
        if "$select" in query:
            bodies = [select(body, query["$select"]) for body in bodies]
        page: dict[str, Any] = {"value": bodies}
        if start + size < len(events):
            following = urlencode({**query, "$skip": start + size})
            page["@odata.nextLink"] = f"{self._origin}{request.path_qs.partition('?')[0]}?{following}"
        return web.json_response(page)


def _calendar(calendar: Calendar, mailbox: Mailbox) -> dict[str, Any]:
    return {
        "id": calendar.id,
        "name": calendar.name,
        "isDefaultCalendar": calendar.is_default,
        "canEdit": True,
        "owner": {"name": mailbox.address, "address": calendar.owner or mailbox.address},
    }


def window(request: web.Request) -> tuple[datetime, datetime]:
    """Return the time window that a view needs; 400 without one."""
    try:
        return moment(request.query["startDateTime"]), moment(request.query["endDateTime"])
    except KeyError as error:
        message = "This request requires a time window specified by startDateTime and endDateTime."
        raise bad_request(message, "ErrorInvalidParameter") from error


async def _body(request: web.Request) -> dict[str, Any]:
    body = await read_json(request)
    if body is None:
        raise bad_request("The body is not a JSON object.", "UnableToDeserializePostBody")
    return body

"""Reading Outlook events, and telling an event that is gone from one that could not be read."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

import httpx2

from outlook_addin_core.clients.errors import Denied, NotFound, ServerError
from outlook_addin_core.clients.graph import IMMUTABLE_ID, UTC_TIMES, Graph
from outlook_addin_core.clients.http import Observer, TokenProvider, read_object, unobserved
from outlook_addin_core.domain.conversations import Conversation
from outlook_addin_core.domain.events import Event, Gone
from outlook_addin_core.domain.links import custom_property_id, leads_to
from outlook_addin_core.domain.mailbox import Mailbox
from outlook_addin_core.domain.series import Series, next_occurrence

ITEM_NOT_FOUND: Final = "erroritemnotfound"
PAGE_SIZE: Final = 100

DAY: Final = timedelta(days=1)
FIRST_LOOK: Final = (-2 * DAY, 40 * DAY)
"""Where most series have their next occurrence; from two days ago, so that one going on is seen."""
FURTHER_LOOKS: Final = ((40 * DAY, 400 * DAY), (400 * DAY, 1820 * DAY))
"""For series that pause or are yearly. Calendar views reach over 1,825 days at most."""

_FIELDS: Final = (
    "id,subject,start,end,isAllDay,isCancelled,sensitivity,type,isOrganizer,seriesMasterId,"
    "originalStartTimeZone"
)
_SERIES_FIELDS: Final = "id,cancelledOccurrences,exceptionOccurrences"


class GraphEvents:
    """The events of a tenant's mailboxes, seen with one add-in's eyes.

    Every method raises the ClientError that fits, and then nothing follows from it: an answer that was
    throttled, denied, broken or not complete proves nothing.

    Args:
        client: As for ``clients.graph.Graph``.
        token_source: Tokens for the tenant.
        addin_id: Whose links are read.
        observe: Is told every operation and its outcome.
    """

    def __init__(
        self,
        client: httpx2.AsyncClient,
        token_source: TokenProvider,
        addin_id: str,
        *,
        observe: Observer = unobserved,
    ) -> None:
        self._graph = Graph(client, token_source, prefer=(IMMUTABLE_ID, UTC_TIMES), observe=observe)
        self._addin_id = addin_id
        self._property_id = custom_property_id(addin_id)
        link = f"singleValueExtendedProperties($filter=id eq '{self._property_id}')"
        self._one = {"$select": _FIELDS, "$expand": f"{link},calendar"}
        self._many: dict[str, str | int] = {"$select": _FIELDS, "$expand": link, "$top": PAGE_SIZE}

    async def get(self, mailbox: Mailbox, event_id: str) -> Event | Gone:
        """Read one event by its immutable id.

        Gone is the answer only where Graph says that this *item* does not exist, or shows it without the
        calendar that it was asked for with: deleted items keep their immutable id, and whether Graph still
        shows them is not documented.

        Raises:
            NotFound: Something else does not exist, e.g. the mailbox (MailboxNotEnabledForRESTAPI).
            ClientError: Any other failure.
        """
        operation = "graph.events.get"
        json = await self._item(mailbox, event_id, self._one, operation)
        if json is None:
            return Gone("the item does not exist")
        event = self._read(json, operation)
        return event if json.get("calendar") else Gone("the item lies in no calendar")

    async def find_by_link(self, mailbox: Mailbox, uuid: UUID, series_id: str | None = None) -> list[Event]:
        """Return all events, in every calendar of the mailbox, that carry the link in their properties.

        Args:
            mailbox: Where to look.
            uuid: The link.
            series_id: The series whose changed occurrences are searched too; lists do not show them.
        """
        carries = f"contains(ep/value,'{uuid}')"
        found = [event async for event in self._search(mailbox, carries) if event.link == uuid]
        if series_id is not None:
            found += [event for event in await self.exceptions(mailbox, series_id) if event.link == uuid]
        return list({event.id: event for event in found}.values())

    async def linked(self, mailbox: Mailbox) -> AsyncIterator[Event]:
        """Yield all events, in every calendar of the mailbox, that carry a link of the add-in."""
        async for event in self._search(mailbox, "ep/value ne null"):
            if event.link is not None:
                yield event

    async def on_day(self, mailbox: Mailbox, conversation: Conversation) -> list[Event]:
        """Return the events around a conversation's time that lead to it: by property, body or location.

        Occurrences of series are among them. A day to either side is searched, since nobody knows in which
        zone that day was meant. Bodies are read here only, and neither kept nor logged.
        """
        middle, uuid = conversation.scheduled, conversation.link
        if middle is None or uuid is None:
            return []
        operation = "graph.events.day"
        params = self._many | _window(middle - DAY, middle + DAY)
        params["$select"] = f"{_FIELDS},body,location,locations"
        found: dict[str, Event] = {}
        async for item in self._in_every_calendar(mailbox, "calendarView", params, operation):
            event = self._read(item, operation)
            if event.link == uuid or leads_to(_text(item), uuid, conversation.public_link):
                found[event.id] = event
        return list(found.values())

    async def instances(
        self, mailbox: Mailbox, master_id: str, start: datetime, end: datetime
    ) -> list[Event]:
        """Return a series' occurrences in a span of time, with their links, as Graph expands them.

        Cancelled occurrences are not among them; moved ones are where they are now.

        Raises:
            NotFound: There is no such series.
            ClientError: Any other failure.
        """
        operation = "graph.events.instances"
        path = f"{_event_path(mailbox, master_id)}/instances"
        params = self._many | _window(start, end) | {"$select": f"{_FIELDS},occurrenceId"}
        pages = self._graph.pages(path, operation=operation, params=params)
        return [self._read(item, operation) async for item in pages]

    async def series(self, mailbox: Mailbox, master: Event, now: datetime) -> Series | None:
        """Return what is around now in a series, its next occurrence included; None if the series is gone.

        Args:
            mailbox: Whose it is.
            master: The series.
            now: The moment; the later the next occurrence is, the further is looked.
        """
        try:
            json = await self._master(mailbox, master.id)
            if json is None:
                return None
            cancelled = frozenset(_strings(json.get("cancelledOccurrences")))
            seen = Series(cancelled=cancelled)
            for begin, end in (FIRST_LOOK, *FURTHER_LOOKS):
                found = await self.instances(mailbox, master.id, now + begin, now + end)
                seen = Series(occurrences=(*seen.occurrences, *found), cancelled=cancelled)
                if next_occurrence(master, seen, now) is not None:
                    break
        except NotFound as error:
            if _is_item(error):
                return None
            raise
        return seen

    async def exceptions(self, mailbox: Mailbox, master_id: str) -> list[Event]:
        """Return a series' changed occurrences that carry a link of the add-in; none if the series is gone.

        Their links are read where Graph expands the series, since the list of changed occurrences in the
        series does not show them.
        """
        operation = "graph.events.series"
        json = await self._master(mailbox, master_id)
        changed = [self._read(item, operation) for item in _objects(json, "exceptionOccurrences")]
        found: dict[str, Event] = {}
        try:
            for start, end in _spans(changed):
                seen = await self.instances(mailbox, master_id, start, end)
                found |= {each.id: each for each in seen if each.link is not None}
        except NotFound as error:
            if not _is_item(error):
                raise
            return []
        return [each for each in found.values() if each.type == "exception"]

    async def _master(self, mailbox: Mailbox, master_id: str) -> dict[str, Any] | None:
        """Read what only a series has; None where it does not exist or lies in no calendar."""
        params = {"$select": _SERIES_FIELDS, "$expand": "exceptionOccurrences,calendar"}
        json = await self._item(mailbox, master_id, params, "graph.events.series")
        return json if json and json.get("calendar") else None

    async def _item(
        self, mailbox: Mailbox, event_id: str, params: Mapping[str, str], operation: str
    ) -> dict[str, Any] | None:
        try:
            path = _event_path(mailbox, event_id)
            response = await self._graph.send("GET", path, operation=operation, params=params)
        except NotFound as error:
            if _is_item(error):
                return None
            raise
        return read_object(response, operation)

    async def _search(self, mailbox: Mailbox, condition: str) -> AsyncIterator[Event]:
        operation = "graph.events.find"
        wanted = f"ep/id eq '{self._property_id}' and {condition}"
        params = {**self._many, "$filter": f"singleValueExtendedProperties/Any(ep: {wanted})"}
        async for item in self._in_every_calendar(mailbox, "events", params, operation):
            yield self._read(item, operation)

    async def _in_every_calendar(
        self, mailbox: Mailbox, collection: str, params: Mapping[str, str | int], operation: str
    ) -> AsyncIterator[dict[str, Any]]:
        """Yield what all calendars hold; a colleague's shared calendar may be closed to us, one's own not."""
        for calendar, is_own in await self._calendars(mailbox):
            path = f"/users/{mailbox.user_id}/calendars/{quote(calendar, safe='')}/{collection}"
            try:
                async for item in self._graph.pages(path, operation=operation, params=params):
                    yield item
            except (NotFound, Denied):
                if is_own:
                    raise

    async def _calendars(self, mailbox: Mailbox) -> list[tuple[str, bool]]:
        """Return the ids of the mailbox's calendars, and whether each is its owner's own."""
        operation = "graph.calendars.list"
        path = f"/users/{mailbox.user_id}/calendars"
        params = {"$select": "id,isDefaultCalendar,owner"}
        found = [item async for item in self._graph.pages(path, operation=operation, params=params)]
        if not all(isinstance(each.get("id"), str) and each["id"] for each in found):
            raise ServerError("a calendar has no id", operation=operation)
        owner = next((_owner(each) for each in found if each.get("isDefaultCalendar")), None)
        return [(str(each["id"]), owner is None or _owner(each) in {None, owner}) for each in found]

    def _read(self, json: Mapping[str, Any], operation: str) -> Event:
        try:
            return Event.from_graph(json, self._addin_id)
        except (ValueError, TypeError, AttributeError, OverflowError) as error:
            raise ServerError("an event cannot be read", operation=operation) from error


def _event_path(mailbox: Mailbox, event_id: str) -> str:
    return f"/users/{mailbox.user_id}/events/{quote(event_id, safe='')}"


def _is_item(error: NotFound) -> bool:
    return (error.code or "").lower() == ITEM_NOT_FOUND


def _window(start: datetime, end: datetime) -> dict[str, str | int]:
    return {"startDateTime": _stamp(start), "endDateTime": _stamp(end)}


def _stamp(moment: datetime) -> str:
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"


def _spans(events: list[Event]) -> list[tuple[datetime, datetime]]:
    """Return few spans of time that hold all events, none longer than the first look at a series."""
    times = sorted((each.start, each.end or each.start) for each in events if each.start is not None)
    spans: list[tuple[datetime, datetime]] = []
    for start, end in times:
        begin, until = start - DAY, end + DAY
        if spans and until - spans[-1][0] <= FIRST_LOOK[1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], until))
        else:
            spans.append((begin, until))
    return spans


def _text(item: Mapping[str, Any]) -> str:
    """Return what a person reads in an event: its body and its places."""
    places = [item.get("location"), *_objects(item, "locations")]
    parts = [(item.get("body") or {}).get("content")]
    for place in filter(None, places):
        parts += [place.get("displayName"), place.get("locationUri")]
    return "\n".join(str(part) for part in parts if part)


def _objects(json: Mapping[str, Any] | None, name: str) -> list[dict[str, Any]]:
    items = (json or {}).get(name)
    return [each for each in items if isinstance(each, dict)] if isinstance(items, list) else []


def _strings(items: Any) -> list[str]:
    return [each for each in items if isinstance(each, str)] if isinstance(items, list) else []


def _owner(calendar: Mapping[str, Any]) -> str | None:
    owner = calendar.get("owner")
    address = owner.get("address") if isinstance(owner, dict) else None
    return str(address).lower() if address else None

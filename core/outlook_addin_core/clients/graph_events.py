"""Reading Outlook events, and telling an event that is gone from one that could not be read."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

import httpx2

from outlook_addin_core.clients.errors import NotFound, ServerError
from outlook_addin_core.clients.graph import IMMUTABLE_ID, UTC_TIMES, Graph
from outlook_addin_core.clients.http import Observer, TokenProvider, read_object, unobserved
from outlook_addin_core.domain.events import Event, Gone
from outlook_addin_core.domain.links import custom_property_id
from outlook_addin_core.domain.mailbox import Mailbox

ITEM_NOT_FOUND: Final = "erroritemnotfound"
PAGE_SIZE: Final = 100

_FIELDS: Final = (
    "id,subject,start,isAllDay,isCancelled,sensitivity,type,isOrganizer,seriesMasterId,originalStartTimeZone"
)


class GraphEvents:
    """The events of a tenant's mailboxes, seen with one add-in's eyes.

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
        self._many = {"$select": _FIELDS, "$expand": link}
        self._one = {"$select": _FIELDS, "$expand": f"{link},calendar"}

    async def get(self, mailbox: Mailbox, event_id: str) -> Event | Gone:
        """Read one event by its immutable id.

        Gone is the answer only where Graph says that this *item* does not exist, or shows it without the
        calendar that it was asked for with: deleted items keep their immutable id, and whether Graph still
        shows them is not documented. A read that was throttled, denied or broken raises and proves nothing.

        Raises:
            NotFound: Something else does not exist, e.g. the mailbox (MailboxNotEnabledForRESTAPI).
            ClientError: Any other failure.
        """
        operation = "graph.events.get"
        path = f"/users/{mailbox.user_id}/events/{quote(event_id, safe='')}"
        try:
            response = await self._graph.send("GET", path, operation=operation, params=self._one)
        except NotFound as error:
            if (error.code or "").lower() == ITEM_NOT_FOUND:
                return Gone("the item does not exist")
            raise
        json = read_object(response, operation)
        event = self._read(json, operation)
        return event if json.get("calendar") else Gone("the item lies in no calendar")

    async def find_by_link(self, mailbox: Mailbox, uuid: UUID) -> list[Event]:
        """Return all events, in every calendar of the mailbox, that carry the link.

        Raises:
            ClientError: One of the calendars could not be searched; the answer would not be complete.
        """
        carries = f"contains(ep/value,'{uuid}')"
        found = [event async for event in self._search(mailbox, carries) if event.link == uuid]
        return list({event.id: event for event in found}.values())

    async def linked(self, mailbox: Mailbox) -> AsyncIterator[Event]:
        """Yield all events, in every calendar of the mailbox, that carry a link of the add-in, for the sweep.

        Raises:
            ClientError: One of the calendars could not be searched; the answer is not complete.
        """
        async for event in self._search(mailbox, "ep/value ne null"):
            if event.link is not None:
                yield event

    async def _search(self, mailbox: Mailbox, condition: str) -> AsyncIterator[Event]:
        operation = "graph.events.find"
        wanted = f"ep/id eq '{self._property_id}' and {condition}"
        condition = f"singleValueExtendedProperties/Any(ep: {wanted})"
        params: dict[str, str | int] = {**self._many, "$filter": condition, "$top": PAGE_SIZE}
        for calendar in await self._calendars(mailbox):
            path = f"/users/{mailbox.user_id}/calendars/{quote(calendar, safe='')}/events"
            async for item in self._graph.pages(path, operation=operation, params=params):
                yield self._read(item, operation)

    async def _calendars(self, mailbox: Mailbox) -> list[str]:
        operation = "graph.calendars.list"
        path = f"/users/{mailbox.user_id}/calendars"
        pages = self._graph.pages(path, operation=operation, params={"$select": "id"})
        identities = [item.get("id") async for item in pages]
        if not all(isinstance(each, str) and each for each in identities):
            raise ServerError("a calendar has no id", operation=operation)
        return [str(each) for each in identities]

    def _read(self, json: Mapping[str, Any], operation: str) -> Event:
        try:
            return Event.from_graph(json, self._addin_id)
        except (ValueError, TypeError, AttributeError) as error:
            raise ServerError("an event cannot be read", operation=operation) from error

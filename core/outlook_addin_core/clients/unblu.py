"""The part of Unblu's Web API v4 that the product uses, through the Auth Gateway."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

import httpx2

from outlook_addin_core.clients.errors import NotFound, ServerError
from outlook_addin_core.clients.http import Observer, TokenProvider, read_object, request, unobserved
from outlook_addin_core.domain.conversations import VERSION, Conversation, Marker, to_milliseconds

API: Final = "/app/rest/v4"
PAGE_SIZE: Final = 100
ADMIN_ROLES: Final = frozenset({"ADMIN", "TECHNICAL_ADMIN", "SUPER_ADMIN"})

_WITH_METADATA: Final = {"expand": "metadata"}
_NOT_ENDED: Final = {
    "$_type": "StateConversationSearchFilter",
    "field": "STATE",
    "operator": {"$_type": "NotEqualsConversationStateOperator", "type": "NOT_EQUALS", "value": "ENDED"},
}
_OLDEST_FIRST: Final = [
    {"$_type": "ConversationOrderBy", "field": field, "order": "ASCENDING"}
    for field in ("CREATION_TIMESTAMP", "ID")
]
"""The same on every page, with what is new at the end."""


@dataclass(frozen=True)
class Person:
    """Who we are to Unblu.

    Args:
        role: Unblu's authorization role, e.g. ADMIN or REGISTERED_USER.
    """

    id: str
    source_id: str
    role: str

    @property
    def is_admin(self) -> bool:
        """Whether all conversations can be seen, and metadata written."""
        return self.role in ADMIN_ROLES


class Unblu:
    """Unblu, seen by the identity of the token.

    Every method raises the ClientError that fits.

    Args:
        client: Made with the Auth Gateway's URL (``unbluOAuthBackendUrl``).
        token_source: Tokens for the gateway: the sync server's, or an agent's own.
        observe: Is told every operation and its outcome.
    """

    def __init__(
        self, client: httpx2.AsyncClient, token_source: TokenProvider, *, observe: Observer = unobserved
    ) -> None:
        self._client = client
        self._token_source = token_source
        self._observe = observe

    async def current_person(self) -> Person:
        """Return who the token belongs to."""
        operation = "unblu.person"
        json = await self._object("GET", "/authenticator/getCurrentPerson", operation)
        if not json.get("id"):
            raise ServerError("the person has no id", operation=operation)
        return Person(
            str(json["id"]), str(json.get("sourceId") or ""), str(json.get("authorizationRole") or "")
        )

    async def read(self, conversation_id: str) -> Conversation:
        """Read one conversation with its metadata."""
        return await self._conversation("GET", _path(conversation_id, "read"), "unblu.conversations.read")

    async def find_by_source_id(self, source_id: str) -> Conversation | None:
        """Return the conversation with this source id, or None.

        Source ids are unique among conversations that have not ended; of ended ones, any stands for all.
        """
        found = [each async for each in self._search(_source_id("EQUALS", source_id))]
        living = [each for each in found if each.state != "ENDED"]
        return next(iter(living or found), None)

    async def search_mailbox(self, prefix: str) -> AsyncIterator[Conversation]:
        """Yield the conversations whose source id begins with the prefix and that have not ended."""
        async for conversation in self._search(_source_id("STARTS_WITH", prefix), _NOT_ENDED):
            yield conversation

    async def set_topic(self, conversation_id: str, topic: str) -> Conversation:
        """Rename a conversation."""
        path = _path(conversation_id, "setTopic")
        return await self._conversation("POST", path, "unblu.conversations.rename", {"topic": topic})

    async def set_scheduled(self, conversation_id: str, scheduled: datetime) -> Conversation:
        """Move a conversation to another time."""
        path = _path(conversation_id, "setScheduledTimestamp")
        body = {"scheduledTimestamp": to_milliseconds(scheduled)}
        return await self._conversation("POST", path, "unblu.conversations.move", body)

    async def delete(self, conversation_id: str) -> None:
        """Delete a conversation; one that does not exist any more is as good."""
        path = _path(conversation_id, "delete")
        try:
            await self._send("DELETE", path, "unblu.conversations.delete")
        except NotFound:
            return

    async def update_metadata(self, conversation: Conversation, marker: Marker) -> Conversation:
        """Write the marker into a conversation's metadata and leave all other entries as they are.

        The metadata is read first: Unblu wants the whole map back, with the version that was read, and
        refuses a map that somebody else has changed in between.
        """
        current = await self.read(conversation.id)
        metadata = {**current.metadata, **marker.encode()}
        if current.metadata_version is None:
            metadata.pop(VERSION, None)
        path = _path(conversation.id, "updateMetadata")
        return await self._conversation("POST", path, "unblu.conversations.mark", metadata)

    async def _search(self, *filters: Mapping[str, Any]) -> AsyncIterator[Conversation]:
        operation, offset = "unblu.conversations.search", 0
        while True:
            body = {
                "$_type": "ConversationQuery",
                "searchFilters": list(filters),
                "orderBy": _OLDEST_FIRST,
                "offset": offset,
                "limit": PAGE_SIZE,
            }
            page = await self._object("POST", "/conversations/search", operation, body, _WITH_METADATA)
            items = page.get("items")
            if not isinstance(items, list):
                raise ServerError("the page has no list of items", operation=operation)
            for item in items:
                yield _read(item, operation)
            if not page.get("hasMoreItems"):
                return
            offset = _advance(page, offset, operation)

    async def _conversation(self, method: str, path: str, operation: str, body: Any = None) -> Conversation:
        return _read(await self._object(method, path, operation, body, _WITH_METADATA), operation)

    async def _object(
        self,
        method: str,
        path: str,
        operation: str,
        body: Any = None,
        params: Mapping[str, str | int] | None = None,
    ) -> dict[str, Any]:
        return read_object(await self._send(method, path, operation, body, params), operation)

    async def _send(
        self,
        method: str,
        path: str,
        operation: str,
        body: Any = None,
        params: Mapping[str, str | int] | None = None,
    ) -> httpx2.Response:
        return await request(
            self._client,
            method,
            API + path,
            operation=operation,
            token_source=self._token_source,
            params=params,
            json=body,
            observe=self._observe,
        )


def _path(conversation_id: str, verb: str) -> str:
    return f"/conversations/{quote(conversation_id, safe='')}/{verb}"


def _source_id(kind: str, value: str) -> dict[str, Any]:
    operator = {"EQUALS": "EqualsIdOperator", "STARTS_WITH": "StartsWithIdOperator"}[kind]
    return {
        "$_type": "SourceIdConversationSearchFilter",
        "field": "SOURCE_ID",
        "operator": {"$_type": operator, "type": kind, "value": value},
    }


def _advance(page: Mapping[str, Any], offset: int, operation: str) -> int:
    """Return where the next page begins; one that does not advance would be read for ever."""
    following = page.get("nextOffset")
    if not isinstance(following, int) or following <= offset:
        raise ServerError("there are more items, but not where they begin", operation=operation)
    return following


def _read(json: Any, operation: str) -> Conversation:
    try:
        return Conversation.from_unblu(json)
    except (ValueError, TypeError, AttributeError) as error:
        raise ServerError("a conversation cannot be read", operation=operation) from error

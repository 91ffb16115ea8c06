import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from outlook_addin_core.clients.errors import NotFound, ServerError
from outlook_addin_core.clients.http import make_client
from outlook_addin_core.clients.unblu import Unblu
from outlook_addin_core.domain.conversations import Conversation, Marker

PREFIX = "outlook:addin:tenant:user:"
MARKER = Marker("AAMk=", datetime(2026, 11, 22, 10, 0, tzinfo=UTC))


class Token:
    async def token(self) -> str:
        return "token"


class FakeUnblu:
    """Conversations behind a gateway; metadata is returned only if expanded, and guarded by its version."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}
        self.person: dict[str, Any] = {"id": "person", "sourceId": "sync", "authorizationRole": "ADMIN"}
        self.page_size = 2
        self.next_offset: int | None = None

    def put(self, identity: str, source_id: str = PREFIX + "1", state: str = "CREATED") -> None:
        row = {"id": identity, "sourceId": source_id, "state": state, "topic": "Review"}
        self.rows[identity] = row | {"metadata": {"$_version": "0", "foo": "bar"}}

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        assert request.headers["Authorization"] == "Bearer token"
        parts = request.url.path.removeprefix("/gateway/app/rest/v4/").split("/")
        if parts == ["authenticator", "getCurrentPerson"]:
            return httpx2.Response(200, json=self.person)
        expanded = request.url.params.get("expand") == "metadata"
        body = json.loads(request.content or "null")
        if parts == ["conversations", "search"]:
            return httpx2.Response(200, json=self._search(body, expanded=expanded))
        _, identity, verb = parts
        if identity not in self.rows:
            return _error(404)
        return self._change(request.method, identity, verb, body, expanded=expanded)

    def _change(self, method: str, identity: str, verb: str, body: Any, *, expanded: bool) -> httpx2.Response:
        row = self.rows[identity]
        match method, verb:
            case "DELETE", "delete":
                del self.rows[identity]
                return httpx2.Response(204)
            case "POST", "setTopic" | "setScheduledTimestamp":
                row |= body
            case "POST", "updateMetadata":
                if body.pop("$_version", None) != row["metadata"]["$_version"]:
                    return _error(409)
                row["metadata"] = body | {"$_version": str(int(row["metadata"]["$_version"]) + 1)}
            case "GET", "read":
                pass
            case _:
                return _error(405)
        return httpx2.Response(200, json=_shown(row, expanded=expanded))

    def _search(self, query: dict[str, Any], *, expanded: bool) -> dict[str, Any]:
        """Nobody promises that an order which was not asked for is the same on the next page."""
        found = [
            row for row in self.rows.values() if all(_matches(row, each) for each in query["searchFilters"])
        ]
        if query["offset"] and not query.get("orderBy"):
            found.reverse()
        start = query["offset"]
        end = start + min(query["limit"], self.page_size)
        page: dict[str, Any] = {"items": [_shown(row, expanded=expanded) for row in found[start:end]]}
        page["hasMoreItems"] = end < len(found)
        page["nextOffset"] = end if self.next_offset is None else self.next_offset
        return page


def _matches(row: dict[str, Any], search_filter: dict[str, Any]) -> bool:
    operator = search_filter["operator"]
    match search_filter["$_type"], search_filter["field"], operator["$_type"], operator["type"]:
        case "SourceIdConversationSearchFilter", "SOURCE_ID", "EqualsIdOperator", "EQUALS":
            return bool(row["sourceId"] == operator["value"])
        case "SourceIdConversationSearchFilter", "SOURCE_ID", "StartsWithIdOperator", "STARTS_WITH":
            return str(row["sourceId"]).startswith(operator["value"])
        case "StateConversationSearchFilter", "STATE", "NotEqualsConversationStateOperator", "NOT_EQUALS":
            return bool(row["state"] != operator["value"])
        case other:
            raise AssertionError(other)


def _shown(row: dict[str, Any], *, expanded: bool) -> dict[str, Any]:
    return row if expanded else row | {"metadata": None}


def _error(status: int) -> httpx2.Response:
    body = {"$_type": "Error", "statusCode": status, "statusDescription": "No", "errorMessage": "no"}
    return httpx2.Response(status, json=body)


@pytest.fixture
def server() -> FakeUnblu:
    return FakeUnblu()


@pytest.fixture
async def unblu(server: FakeUnblu) -> AsyncIterator[Unblu]:
    transport = httpx2.MockTransport(server)
    async with make_client(base_url="https://unblu.example/gateway", transport=transport) as client:
        yield Unblu(client, Token())


@pytest.mark.parametrize(
    ("role", "is_admin"),
    [
        ("ADMIN", True),
        ("SUPER_ADMIN", True),
        ("SUPERVISOR", False),
        ("REGISTERED_USER", False),
        (None, False),
    ],
)
async def test_the_token_tells_who_we_are(server: FakeUnblu, unblu: Unblu, role: str, is_admin: bool) -> None:  # noqa: FBT001
    server.person["authorizationRole"] = role
    person = await unblu.current_person()
    assert (person.id, person.source_id, person.is_admin) == ("person", "sync", is_admin)


async def test_a_conversation_is_read_with_its_metadata(server: FakeUnblu, unblu: Unblu) -> None:
    server.put("c")
    conversation = await unblu.read("c")
    assert (conversation.id, conversation.metadata["foo"]) == ("c", "bar")
    with pytest.raises(NotFound):
        await unblu.read("other")


async def test_the_living_conversation_is_found_before_those_that_ended(
    server: FakeUnblu, unblu: Unblu
) -> None:
    server.put("old", state="ENDED")
    server.put("older", state="ENDED")
    server.put("living")
    found = await unblu.find_by_source_id(PREFIX + "1")
    assert found is not None
    assert found.id == "living"


async def test_an_ended_conversation_is_found_where_there_is_no_other(
    server: FakeUnblu, unblu: Unblu
) -> None:
    server.put("old", state="ENDED")
    found = await unblu.find_by_source_id(PREFIX + "1")
    assert found is not None
    assert found.is_over
    assert await unblu.find_by_source_id(PREFIX) is None


async def test_all_open_conversations_of_a_mailbox_are_found(server: FakeUnblu, unblu: Unblu) -> None:
    for number in range(5):
        server.put(f"c{number}", PREFIX + str(number))
    server.put("ended", PREFIX + "9", state="ENDED")
    server.put("foreign", "outlook:addin:tenant:other:1")
    assert [each.id async for each in unblu.search_mailbox(PREFIX)] == ["c0", "c1", "c2", "c3", "c4"]


async def test_pages_that_do_not_advance_are_not_read_for_ever(server: FakeUnblu, unblu: Unblu) -> None:
    for number in range(5):
        server.put(f"c{number}", PREFIX + str(number))
    server.next_offset = 0
    with pytest.raises(ServerError, match="where they begin"):
        _ = [each async for each in unblu.search_mailbox(PREFIX)]


async def test_topic_and_time_are_set(server: FakeUnblu, unblu: Unblu) -> None:
    server.put("c")
    await unblu.set_topic("c", "Contract")
    changed = await unblu.set_scheduled("c", datetime(2019, 3, 1, tzinfo=UTC))
    assert (changed.topic, changed.scheduled) == ("Contract", datetime(2019, 3, 1, tzinfo=UTC))
    assert server.rows["c"]["scheduledTimestamp"] == 1_551_398_400_000


async def test_deleting_twice_is_as_good_as_once(server: FakeUnblu, unblu: Unblu) -> None:
    server.put("c")
    await unblu.delete("c")
    await unblu.delete("c")
    assert server.rows == {}


async def test_the_marker_leaves_other_metadata_alone(server: FakeUnblu, unblu: Unblu) -> None:
    server.put("c")
    stale = await unblu.read("c")
    server.rows["c"]["metadata"] |= {"$_version": "5", "new": "entry"}
    marked = await unblu.update_metadata(stale, MARKER)
    assert marked.marker == MARKER
    entries = server.rows["c"]["metadata"]
    assert (entries["foo"], entries["new"], entries["$_version"]) == ("bar", "entry", "6")


async def test_marking_a_conversation_that_is_gone_says_so(unblu: Unblu) -> None:
    with pytest.raises(NotFound):
        await unblu.update_metadata(Conversation(id="c", source_id=None, state="CREATED"), MARKER)

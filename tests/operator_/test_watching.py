"""How CalendarSubscriptions are followed: everything is seen, and what is gone is known to be gone."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest

from outlook_addin_core.domain.clock import SystemClock
from outlook_addin_core.domain.resources import SUBSCRIPTION
from outlook_addin_operator.keys import Key
from outlook_addin_operator.watching import LONGEST_PAUSE, PAGE, SubscriptionWatch

Answer = Callable[[httpx2.Request], httpx2.Response]


def body(name: str, version: int = 1, namespace: str = "bank") -> dict[str, Any]:
    managed = [{"manager": "web", "fieldsV1": {"f:spec": {}}}]
    metadata = {"name": name, "namespace": namespace, "resourceVersion": str(version)}
    return {"metadata": {**metadata, "managedFields": managed}, "spec": {"userId": name}, "status": {}}


def page(*names: str, version: int = 1, token: str = "") -> httpx2.Response:
    metadata = {"resourceVersion": str(version), **({"continue": token} if token else {})}
    return httpx2.Response(200, json={"metadata": metadata, "items": [body(name) for name in names]})


def event(kind: str, content: dict[str, Any]) -> str:
    return json.dumps({"type": kind, "object": content}) + "\n"


def bookmark(version: int) -> str:
    return event("BOOKMARK", {"metadata": {"resourceVersion": str(version)}})


EXPIRED = event("ERROR", {"code": 410, "message": "too old"})


@dataclass
class ApiServer:
    """Answers one request after the other; after the last answer, it is silent."""

    answers: list[httpx2.Response | Exception]
    queries: list[dict[str, str]] = field(default_factory=list)
    at_end: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: httpx2.Request) -> httpx2.Response:
        self.queries.append(dict(request.url.params))
        if not self.answers:
            self.at_end.set()
            return httpx2.Response(200, content=_silence())
        found = self.answers.pop(0)
        if isinstance(found, Exception):
            raise found
        return found


async def _silence() -> AsyncIterator[bytes]:
    await asyncio.Event().wait()
    yield b""


@dataclass
class Seen:
    """The world as the watch has told it."""

    objects: dict[Key, dict[str, Any]] = field(default_factory=dict)
    pauses: list[float] = field(default_factory=list)

    def take(self, gone: bool, content: dict[str, Any]) -> None:  # noqa: FBT001 - what an event says
        if content["metadata"]["name"] == "broken":
            raise ValueError("nobody can read this")
        key = Key(SUBSCRIPTION, content["metadata"]["namespace"], content["metadata"]["name"])
        if gone:
            del self.objects[key]
        else:
            self.objects[key] = content

    def vanish(self, key: Key) -> None:
        del self.objects[key]

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    @property
    def names(self) -> set[str]:
        return {key.name for key in self.objects}


async def follow(
    *answers: httpx2.Response | Exception, namespace: str | None = None, seen: Seen | None = None
) -> tuple[Seen, ApiServer, SubscriptionWatch]:
    """Follow an API server until it has given all its answers."""
    server, world = ApiServer(list(answers)), seen or Seen()
    client = httpx2.AsyncClient(transport=httpx2.MockTransport(server.answer), base_url="https://api")
    watch = SubscriptionWatch(
        client,
        namespace,
        take=world.take,
        known=world.objects.keys,
        vanished=world.vanish,
        clock=SystemClock(),
        sleep=world.sleep,
    )
    task = asyncio.create_task(watch.run())
    async with asyncio.timeout(5):
        await server.at_end.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return world, server, watch


async def test_all_pages_are_read_before_the_list_counts_as_complete() -> None:
    seen, server, watch = await follow(page("a", "b", token="more"), page("c", version=7))
    assert seen.names == {"a", "b", "c"}
    assert server.queries[0] == {"limit": str(PAGE)}
    assert server.queries[1] == {"limit": str(PAGE), "continue": "more"}
    assert watch.complete.is_set()


async def test_managed_fields_are_not_even_read() -> None:
    seen, _, _ = await follow(page("a"))
    assert set(seen.objects[Key(SUBSCRIPTION, "bank", "a")]["metadata"]) == {
        "name",
        "namespace",
        "resourceVersion",
    }


async def test_changes_are_seen_and_a_watch_that_ends_goes_on_from_its_last_bookmark() -> None:
    happens = event("ADDED", body("b", 5)) + event("DELETED", body("a", 6)) + bookmark(9)
    seen, server, _ = await follow(page("a", version=4), httpx2.Response(200, text=happens))
    assert seen.names == {"b"}
    assert [query.get("resourceVersion") for query in server.queries] == [None, "4", "9"]


@pytest.mark.parametrize("refusal", [httpx2.Response(200, text=EXPIRED), httpx2.Response(410)])
async def test_after_a_gap_everything_is_listed_again_and_what_vanished_is_known(
    refusal: httpx2.Response,
) -> None:
    seen, _, _ = await follow(page("a", "b"), refusal, page("b", "c", version=20))
    assert seen.names == {"b", "c"}


async def test_a_watch_of_one_namespace_leaves_what_others_know_of_theirs() -> None:
    before = Seen({Key(SUBSCRIPTION, "other", "x"): {}, Key(SUBSCRIPTION, "bank", "y"): {}})
    seen, _, _ = await follow(page("a"), namespace="bank", seen=before)
    assert seen.names == {"x", "a"}


async def test_an_api_server_that_is_away_is_asked_again_after_growing_pauses() -> None:
    away = [httpx2.ConnectError("refused")] * 7
    seen, _, watch = await follow(*away, page("a"))
    assert seen.names == {"a"}
    assert seen.pauses[:3] == [1, 2, 4]
    assert max(seen.pauses) == LONGEST_PAUSE
    assert watch.heard <= SystemClock().monotonic() < watch.heard + 5


async def test_an_interrupted_watch_goes_on_where_it_was_without_a_list() -> None:
    seen, server, _ = await follow(
        page("a", version=4),
        httpx2.ReadError("reset"),
        httpx2.Response(200, text=event("ADDED", body("b", 5))),
    )
    assert seen.names == {"a", "b"}
    assert [query.get("resourceVersion") for query in server.queries] == [None, "4", "4", "5"]


async def test_an_answer_that_is_no_json_is_no_reason_to_stop() -> None:
    seen, _, _ = await follow(httpx2.Response(200, text="<html>"), page("a"))
    assert seen.names == {"a"}


async def test_an_object_that_nobody_can_read_does_not_hide_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    seen, _, _ = await follow(page("broken", "a"))
    assert seen.names == {"a"}
    assert "bank/broken cannot be taken in" in caplog.text

import asyncio
import gc
import io
import json
import logging

import httpx2
import pytest

from outlook_addin_core.clients.correlation import correlated
from outlook_addin_core.clients.graph import Graph
from outlook_addin_web import logs

GUID = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"


class Token:
    async def token(self) -> str:
        return "token"


@pytest.fixture
def lines() -> io.StringIO:
    """What is written by a logger that is set up as the server's are."""
    return io.StringIO()


def test_what_is_logged_during_a_task_carries_its_correlation(lines: io.StringIO) -> None:
    handler = logging.StreamHandler(lines)
    handler.addFilter(logs.CorrelationFilter())
    handler.setFormatter(logs.PlainFormatter("{message}", style="{"))
    log = logging.Logger("test")  # noqa: LOG001 - nobody else shall log through it
    log.addHandler(handler)
    log.info("before")
    with correlated(GUID):
        log.info("during")
    written = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert [each.get("correlation") for each in written] == [None, GUID]


async def test_an_error_that_nobody_waited_for_shows_where_it_came_from_and_not_what_was_typed(
    lines: io.StringIO,
) -> None:
    async def fail(subject: str) -> None:
        raise ValueError(subject)

    logger, handler = logging.getLogger("outlook_addin_web.logs"), logging.StreamHandler(lines)
    handler.setFormatter(logs.PlainFormatter())
    logger.addHandler(handler)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(logs.unhandled)
    try:
        forgotten = asyncio.create_task(fail("Anna's divorce"))
        await asyncio.wait([forgotten])
        del forgotten
        gc.collect()
    finally:
        loop.set_exception_handler(None)
        logger.removeHandler(handler)
    written = json.loads(lines.getvalue())
    assert written["exc_info"].endswith("ValueError")
    assert "in fail" in written["exc_info"]
    assert "divorce" not in lines.getvalue()


async def test_graph_gets_the_correlation_as_client_request_id() -> None:
    seen: list[str | None] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.headers.get("client-request-id"))
        return httpx2.Response(200, json={})

    async with httpx2.AsyncClient(
        base_url="https://graph.example", transport=httpx2.MockTransport(answer)
    ) as client:
        graph = Graph(client, Token())
        await graph.send("GET", "/me", operation="graph.x")
        with correlated(GUID):
            await graph.send("GET", "/me", operation="graph.x")
    assert seen == [None, GUID]

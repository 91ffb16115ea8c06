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

"""What anybody on the internet can send to the server's port, byte by byte, as the process serves it."""

import asyncio
import gzip
import io
import json
import logging
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from outlook_addin_sandbox.serving import bind, served
from outlook_addin_web import intake, logs
from outlook_addin_web.app import LONGEST_BODY, build_app
from outlook_addin_web.main import make_runner
from outlook_addin_web.sync import Outside, Sync
from outlook_addin_web.user_tokens import Caller
from web.fakes import ANNA, CONFIG, KEY, Bench, FakeClock
from web.polling import until

PATH = "/addin/graph/notifications"
EMPTY = b'{"value":[]}'


class Port:
    """The server's port."""

    def __init__(self, number: int, sync: Sync) -> None:
        self._number = number
        self._sync = sync

    @asynccontextmanager
    async def sending(self, head: bytes, *rest: bytes) -> AsyncIterator[asyncio.StreamReader]:
        """Send a request, its rest only once the server reads it, and hang up when the block ends."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._number)
        try:
            writer.write(head)
            for piece in rest:
                await until(lambda: self._sync.intake._reading > 0)
                writer.write(piece)
            yield reader
        finally:
            writer.close()

    async def send(self, request: bytes) -> bytes:
        """Return all that comes back until the server hangs up."""
        async with self.sending(request) as reader, asyncio.timeout(10):
            return await reader.read()

    async def status(self, request: bytes) -> int:
        return int((await self.send(request)).split()[1])


def post(*headers: str, body: bytes = b"", query: str = "") -> bytes:
    lines = [f"POST {PATH}{query} HTTP/1.1", "Host: x", "Connection: close", *headers]
    if not any(each.startswith(("Transfer-Encoding", "Content-Length")) for each in headers):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


@pytest.fixture
def sync(bench: Bench) -> Sync:
    async def verify(_: str) -> Caller:
        return Caller(ANNA, None)

    async def known(_: str) -> None:
        return None

    outside = Outside(
        events=bench.outlook,
        conversations=bench.unblu,
        subscriptions=bench.kubernetes,
        lease=bench.lease,
        verify=verify,
        known_to_unblu=known,
    )
    return Sync(config=CONFIG, keys=(KEY,), outside=outside, clock=FakeClock(), metrics=bench.metrics)


@pytest.fixture
async def port(sync: Sync) -> AsyncIterator[Port]:
    @asynccontextmanager
    async def running() -> AsyncIterator[Sync]:
        async with sync.running():
            yield sync

    async with served(make_runner(build_app(CONFIG, sync=running)), bind()) as number:
        yield Port(number, sync)


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """All that is logged on the most talkative level, by the server and by what it is made of."""
    loggers = [logging.getLogger(name) for name in (None, "outlook_addin_core", "outlook_addin_web")]
    levels, handlers, stream = [each.level for each in loggers], loggers[0].handlers[:], io.StringIO()
    logs.configure("debug", stream)
    yield stream
    loggers[0].handlers[:] = handlers
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


def counted(bench: Bench, status: int) -> float:
    labels = {"status": str(status)}
    return bench.metrics.registry.get_sample_value("outlook_addin_deliveries_total", labels) or 0.0


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        pytest.param(post("Content-Encoding: gzip", body=EMPTY), 202, id="not what it says it is"),
        pytest.param(
            post("Content-Encoding: gzip", body=gzip.compress(EMPTY)),
            400,
            id="compressed, as a bomb would be",
        ),
        pytest.param(post("Content-Encoding: deflate", body=zlib.compress(EMPTY)[:-3]), 400, id="cut"),
        pytest.param(post("Content-Encoding: br", body=EMPTY), 202, id="of a kind that nobody knows"),
        pytest.param(post(body=b" " * (LONGEST_BODY + 1)), 413, id="too large"),
    ],
)
async def test_a_body_that_cannot_be_read_is_the_senders_error_and_counted(
    port: Port, bench: Bench, written: io.StringIO, request_: bytes, status: int
) -> None:
    assert await port.status(request_) == status
    assert counted(bench, status) == 1
    assert "ERROR" not in written.getvalue()


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([post("Content-Length: 500"), b"{"], id="slow"),
        pytest.param([post("Transfer-Encoding: chunked"), b"3\r\nabc\r\n", b"zz\r\n"], id="broken chunks"),
    ],
)
async def test_who_does_not_get_to_the_end_is_told_so_and_keeps_nobody_waiting(
    port: Port, bench: Bench, monkeypatch: pytest.MonkeyPatch, pieces: list[bytes]
) -> None:
    monkeypatch.setattr(intake, "AT_ONCE", 1)
    monkeypatch.setattr(intake, "READING_SECONDS", 0.3)
    async with port.sending(*pieces) as reader:
        assert await port.status(post(body=EMPTY)) == 503
        assert (await reader.readline()).split()[1] == b"408"
        assert await port.status(post(body=EMPTY)) == 202
    assert [counted(bench, status) for status in (503, 408, 202)] == [1, 1, 1]


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([post("Content-Length: 500"), b"{"], id="of a length"),
        pytest.param([post("Transfer-Encoding: chunked"), b"3\r\nabc\r\n"], id="in chunks"),
    ],
)
async def test_who_hangs_up_in_the_middle_is_no_error_of_ours(
    port: Port, bench: Bench, written: io.StringIO, pieces: list[bytes]
) -> None:
    async with port.sending(*pieces):
        pass
    assert await port.status(post(body=EMPTY)) == 202
    await until(lambda: counted(bench, 400) == 1)
    assert "ERROR" not in written.getvalue()


@pytest.mark.parametrize(
    "request_",
    [
        b"POST /addin/anna@bank.example\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization Bearer anna@bank.example\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: anna@bank.example\x00\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"anna@bank.example" * 1_000 + b"\r\n\r\n",
        b"GET /" + b"anna@bank.example" * 1_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: anna@bank.example\r\n\r\n",
        b"anna@bank.example\r\n\r\n",
        post("Content-Length: -5"),
        post("Transfer-Encoding: chunked", "Content-Length: 3", body=b"abc"),
    ],
)
async def test_what_is_no_http_is_refused_and_leaves_no_trace_in_the_logs(
    port: Port, written: io.StringIO, request_: bytes
) -> None:
    assert await port.status(request_) == 400
    assert await port.status(post(body=EMPTY)) == 202
    assert "anna@bank.example" not in written.getvalue()
    assert "ERROR" not in written.getvalue()


async def test_libraries_keep_their_chatter_to_themselves(written: io.StringIO) -> None:
    logging.getLogger("some.library").info("GET /users/anna@bank.example")
    logging.getLogger("some.library").warning("trouble")
    logging.getLogger("outlook_addin_web.part").debug("detail")
    assert [json.loads(line)["message"] for line in written.getvalue().splitlines()] == ["trouble", "detail"]


@pytest.mark.parametrize(
    ("query", "status", "text"),
    [
        ("?validationToken=a&validationToken=b", 200, "a"),
        ("?installation=x&validationToken=a%2Bb%20c+d", 200, "a+b c d"),
        ("?validationToken=%ff%ED%A0%80", 200, "\N{REPLACEMENT CHARACTER}" * 4),
        ("?validationToken=%00%0d%0aSet-Cookie:%20x", 200, "\x00\r\nSet-Cookie: x"),
        ("?validationToken=%3Cscript%3E", 200, "<script>"),
        ("?validationToken=%", 200, "%"),
        ("?validationToken=&validationToken=b", 400, "validationToken is empty or too long"),
    ],
)
async def test_a_handshake_is_answered_with_plain_text_that_no_browser_takes_for_a_page(
    port: Port, query: str, status: int, text: str
) -> None:
    head, _, body = (await port.send(post("Accept: text/html", query=query))).partition(b"\r\n\r\n")
    lines = head.decode().lower().splitlines()
    assert (lines[0].split()[1], body.decode()) == (str(status), text)
    assert {
        "content-type: text/plain; charset=utf-8",
        "x-content-type-options: nosniff",
        "content-security-policy: default-src 'none'; frame-ancestors 'none'",
        "cache-control: no-store",
    } <= set(lines)
    assert not any(line.startswith(("server:", "set-cookie:")) for line in lines)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "OPTIONS", "TRACE"])
async def test_webhooks_are_for_posts_only(port: Port, method: str) -> None:
    request = post(query="?validationToken=t").replace(b"POST", method.encode(), 1)
    assert await port.status(request) == 405


async def test_requests_of_one_connection_are_answered_in_turn(port: Port) -> None:
    first = post(body=EMPTY).replace(b"Connection: close\r\n", b"")
    answers = await port.send(first + post(query="?validationToken=t"))
    assert [line.split()[1] for line in answers.splitlines() if line.startswith(b"HTTP/1.1")] == [
        b"202",
        b"200",
    ]

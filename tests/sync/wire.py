"""HTTP without a network: aiohttp applications called directly, in the loop of whoever calls."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from json import dumps
from typing import TYPE_CHECKING, Any, cast
from unittest.mock import Mock

import aiohttp
import httpx2
from aiohttp import web
from aiohttp.http import HttpVersion11, RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class BrokenConnection(Exception):  # noqa: N818 - says what happened
    """The answer never arrived."""


@dataclass(frozen=True)
class Answer:
    """What an application answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        return self.status < HTTPStatus.BAD_REQUEST

    @property
    def reason(self) -> str:
        return HTTPStatus(self.status).phrase

    @property
    def content_type(self) -> str:
        return self.headers.get("Content-Type", "").partition(";")[0]

    async def text(self) -> str:
        return self.body.decode()


class _Connection:
    """As much of a connection as a request asks for."""

    ssl_context = None
    peername = ("127.0.0.1", 1)
    sockname = ("127.0.0.1", 2)
    _reading_paused = False

    def __init__(self) -> None:
        self.transport = self
        self.is_broken = False

    def abort(self) -> None:
        self.is_broken = True

    def pause_reading(self) -> None:
        """Nobody sends."""

    def resume_reading(self, *, resume_parser: bool = True) -> None:
        """Nobody sends."""


_WRITER = Mock()


async def call(
    app: web.Application, method: str, url: str, headers: Mapping[str, str], body: bytes = b""
) -> Answer:
    """Have an application answer one request, as its server would.

    Raises:
        BrokenConnection: The application broke the connection.
    """
    connection = _Connection()
    request = _request(connection, method, URL(url, encoded=True), headers, body)
    try:
        response = await app._handle(request)
    except web.HTTPException as error:
        response = error
    except Exception as error:  # noqa: BLE001 - a server answers 500, whatever went wrong
        text = f"500: {error!r}"
        return Answer(500, {"Content-Type": "text/plain"}, text.encode())
    if connection.is_broken:
        raise BrokenConnection
    await request._prepare_hook(response)
    content = cast("web.Response", response).body
    return Answer(response.status, dict(response.headers), bytes(cast("bytes", content or b"")))


def _request(
    connection: _Connection, method: str, url: URL, headers: Mapping[str, str], body: bytes
) -> web.Request:
    loop = asyncio.get_running_loop()
    named = CIMultiDictProxy(CIMultiDict({"Host": url.authority or "localhost", **headers}))
    raw = tuple((name.encode(), value.encode("utf-8", "surrogateescape")) for name, value in named.items())
    relative = url.relative() if url.absolute else url
    message = RawRequestMessage(
        method,
        str(relative),
        HttpVersion11,
        named,
        raw,
        should_close=False,
        compression=None,
        upgrade=False,
        chunked=False,
        url=relative,
    )
    payload = EMPTY_PAYLOAD
    if body:
        payload = StreamReader(cast("Any", connection), 2**16, loop=loop)
        payload.feed_data(body)
        payload.feed_eof()
    fake = cast("Any", connection)
    return web.Request(message, payload, fake, _WRITER, cast("Any", None), loop, client_max_size=1024**2)


Gate = Callable[[httpx2.Request], Awaitable[None]]


class AppTransport(httpx2.AsyncBaseTransport):
    """Sends a client's requests to an application.

    Args:
        before: Runs when a request leaves; may wait for ever.
        after: Runs when its answer arrives; may wait for ever.
    """

    def __init__(self, app: web.Application, *, before: Gate, after: Gate) -> None:
        self._app = app
        self._before = before
        self._after = after

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        body = await request.aread()
        await self._before(request)
        limit = request.extensions.get("timeout", {}).get("read") or 20.0
        try:
            async with asyncio.timeout(limit):
                answer = await call(self._app, request.method, str(request.url), dict(request.headers), body)
        except TimeoutError as error:
            await self._after(request)
            raise httpx2.ReadTimeout("no answer in time", request=request) from error
        except BrokenConnection as error:
            await self._after(request)
            raise httpx2.ReadError("the connection broke", request=request) from error
        await self._after(request)
        return httpx2.Response(answer.status, headers=dict(answer.headers), content=answer.body)


class Postman:
    """Stands in for the HTTP session with which the simulated Graph delivers.

    Args:
        pick: Returns the application that answers the next request, or None if there is none.
        took: Is told what an application has accepted.
    """

    def __init__(
        self,
        pick: Callable[[], web.Application | None],
        took: Callable[[web.Application, Any], None] = lambda *_: None,
    ) -> None:
        self._pick = pick
        self._took = took

    @asynccontextmanager
    async def post(
        self, url: str, *, json: Any = None, headers: Mapping[str, str] | None = None
    ) -> "AsyncIterator[Answer]":
        app = self._pick()
        if app is None:
            raise aiohttp.ClientConnectionError("nobody listens")
        body = b"" if json is None else dumps(json).encode()
        answer = await call(app, "POST", url, headers or {}, body)
        if answer.ok and json is not None:
            self._took(app, json)
        yield answer

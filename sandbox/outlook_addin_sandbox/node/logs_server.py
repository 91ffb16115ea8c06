"""The part of the kubelet's API that `kubectl logs` needs, served over TLS."""

import asyncio
import contextlib
import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from aiohttp import web

from outlook_addin_sandbox.serving import bind, served

_POLL_SECONDS: Final = 0.2
_CHUNK: Final = 64 * 1024


@dataclass(frozen=True)
class RunLog:
    """The output of one run of a container."""

    path: Path
    growing: Callable[[], bool]
    """Whether that run still goes on."""


FindLog = Callable[[str, str, bool], RunLog]
"""Finds a log by `namespace/name`, container, and whether the previous run is meant; raises KeyError."""


class LogsServer:
    """Serves `/containerLogs/NAMESPACE/POD/CONTAINER` on a free `port` while it is entered."""

    def __init__(self, find: FindLog, host: str, tls: ssl.SSLContext) -> None:
        self.port = 0
        self._find = find
        self._host = host
        self._tls = tls
        app = web.Application()
        app.router.add_get("/containerLogs/{namespace}/{pod}/{container}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        self._serving = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        listener = bind(host=self._host)
        self.port = await self._serving.enter_async_context(served(self._runner, listener, self._tls))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._serving.aclose()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        parts, query = request.match_info, request.query
        try:
            log = self._find(
                f"{parts['namespace']}/{parts['pod']}", parts["container"], query.get("previous") == "true"
            )
        except KeyError as error:
            return web.Response(status=404, text=f"no such container on this node: {error.args[0]}\n")
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            tail = int(query["tailLines"]) if "tailLines" in query else None
            await _send(response, log, tail, follow=query.get("follow") == "true")
        return response


async def _send(response: web.StreamResponse, log: RunLog, tail: int | None, *, follow: bool) -> None:
    offset = await asyncio.to_thread(_tail_offset, log.path, tail)
    while True:
        growing = follow and log.growing()
        while chunk := await asyncio.to_thread(_read, log.path, offset):
            await response.write(chunk)
            offset += len(chunk)
        if not growing:
            return
        await asyncio.sleep(_POLL_SECONDS)


def _tail_offset(path: Path, lines: int | None) -> int:
    if lines is None or not path.exists():
        return 0
    with path.open("rb") as file:
        kept = deque((len(line) for line in file), maxlen=lines)
    return path.stat().st_size - sum(kept)


def _read(path: Path, offset: int) -> bytes:
    if not path.exists():
        return b""
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(_CHUNK)

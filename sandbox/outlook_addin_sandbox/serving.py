"""What the simulators share: a loopback port, request counters, and faults that answer instead of them."""

import asyncio
import ssl
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from socket import SO_REUSEADDR, SOL_SOCKET, socket
from typing import Any

from aiohttp import web

from outlook_addin_sandbox.loopback import LOOPBACK

_ARRIVAL = 3
"""Turns of the loop from a connection's acceptance until the server knows of it; one that is accepted while
asyncio closes its server is never closed (github.com/python/cpython/issues/109564)."""

Clock = Callable[[], datetime]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def system_clock() -> datetime:
    """Return the present time in UTC."""
    return datetime.now(UTC)


def bind(port: int = 0, host: str = LOOPBACK) -> socket:
    """Return a bound socket on a loopback address; port 0 takes any free one."""
    listener = socket()
    listener.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


@asynccontextmanager
async def served(
    runner: web.BaseRunner, listener: socket, tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Serve on a bound socket for the time of an `async with`; yields the port.

    At the end it hangs up on every client. Nothing stays open, not even what connects in that moment.
    """
    port: int = listener.getsockname()[1]
    try:
        await runner.setup()
        await web.SockSite(runner, listener, ssl_context=tls).start()
        yield port
    finally:
        asyncio.get_running_loop().remove_reader(listener)
        for _ in range(_ARRIVAL):
            await asyncio.sleep(0)
        _hang_up(runner)
        await runner.cleanup()
        listener.close()


@dataclass
class Fault:
    """Requests that match are answered with an error, or late, or not at all."""

    operation: str = "*"
    """Pattern for `METHOD /path`, for instance `GET /v1.0/users/*/events/*`."""
    status: int = 503
    """HTTP status of the answer; 0 lets the request through (with `delay` or `lose_answer`)."""
    code: str = "ServiceUnavailable"
    message: str = "The service is unavailable."
    retry_after: int | None = None
    """Seconds in the Retry-After header."""
    delay: float = 0.0
    """Seconds to wait before anything else happens."""
    lose_answer: bool = False
    """Do what was asked, then break the connection."""
    times: int | None = None
    """How many requests it hits; None: all of them until it is removed."""

    def take(self, operation: str) -> bool:
        """Tell whether this fault hits the request, and count it."""
        if self.times == 0 or not fnmatchcase(operation, self.operation):
            return False
        if self.times is not None:
            self.times -= 1
        return True


@dataclass
class Switches:
    """Behaviours of a simulator that can be changed while it runs."""

    rules: list[Fault] = field(default_factory=list)
    """Faults by request."""

    def apply(self, changes: Mapping[str, Any]) -> None:
        """Set switches by name; `rules` replaces all faults by these.

        Raises:
            ValueError: no such switch, or the value is of another kind.
        """
        known = {each.name for each in fields(self)}
        for name, value in changes.items():
            if name not in known:
                raise ValueError(f"no switch {name!r}; there are {', '.join(sorted(known))}")
            if name == "rules":
                self.rules = [Fault(**each) for each in value]
            else:
                self._set(name, value)

    def _set(self, name: str, value: object) -> None:
        present = getattr(self, name)
        kinds = (int, float) if isinstance(present, float) else (type(present),)
        if present is not None and value is not None and not isinstance(value, kinds):
            raise ValueError(f"switch {name!r} takes a {type(present).__name__}")
        setattr(self, name, value)


class Simulator(ABC):
    """One service on one loopback port.

    Args:
        listener: the socket to serve.
        tls: TLS settings; None serves plain HTTP.
        now: the clock that the simulated service goes by.
    """

    @property
    @abstractmethod
    def faults(self) -> Switches:
        """Behaviours and faults that can be switched."""

    def __init__(self, listener: socket, tls: ssl.SSLContext | None, now: Clock) -> None:
        self.port: int = listener.getsockname()[1]
        self.origin = f"{'https' if tls else 'http'}://localhost:{self.port}"
        self.now = now
        self.requests: Counter[str] = Counter()
        """Answered requests by `METHOD /route STATUS`."""
        self._listener = listener
        self._tls = tls
        self.app = web.Application(middlewares=[self._around])
        self._serving = AsyncExitStack()
        self._serving.callback(listener.close)

    @abstractmethod
    def error(self, status: int, code: str, message: str, headers: Mapping[str, str]) -> web.Response:
        """Return an error in the form of this service."""

    async def start(self) -> None:
        """Serve requests."""
        runner = web.AppRunner(self.app, access_log=None, shutdown_timeout=1)
        await self._serving.enter_async_context(served(runner, self._listener, self._tls))

    async def stop(self) -> None:
        """Close the port and end what runs."""
        await self._serving.aclose()

    @web.middleware
    async def _around(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await self._answer(request, handler)
        resource = request.match_info.route.resource
        route = resource.canonical if resource is not None else "?"
        self.requests[f"{request.method} {route} {response.status}"] += 1
        return response

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        fault = self._fault_for(request)
        if fault is None:
            return await handler(request)
        await asyncio.sleep(fault.delay)
        if fault.lose_answer or fault.status == 0:
            response = await handler(request)
            if fault.lose_answer and request.transport is not None:
                request.transport.abort()
            return response
        headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
        return self.error(fault.status, fault.code, fault.message, headers)

    def _fault_for(self, request: web.Request) -> Fault | None:
        if request.path.startswith("/_sim/") or request.method == "OPTIONS":
            return None
        operation = f"{request.method} {request.path}"
        return next((fault for fault in self.faults.rules if fault.take(operation)), None)


def _hang_up(runner: web.BaseRunner) -> None:
    """End connections that clients keep open: with TLS, the end would wait for them to say goodbye."""
    for connection in runner.server.connections if runner.server else ():
        if connection.transport is not None:
            connection.transport.abort()


async def read_json(request: web.Request) -> dict[str, Any] | None:
    """Return the body as a JSON object, or None when it is not one."""
    try:
        body = await request.json()
    except ValueError:
        return None
    return body if isinstance(body, dict) else None

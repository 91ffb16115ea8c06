"""What tests of the simulated services need: a clock, a client of Graph, a notification endpoint."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import aiohttp
from aiohttp import web

from outlook_addin_sandbox.serving import bind, served
from outlook_addin_sandbox.world import World


class TravelClock:
    """The present time, plus how far a test has travelled."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def __call__(self) -> datetime:
        """Return the time where the test is."""
        return datetime.now(UTC) + self.offset


@dataclass
class Listener:
    """A notification endpoint that answers the validation and remembers what it was told."""

    url: str
    items: list[dict[str, Any]] = field(default_factory=list)
    posts: int = 0
    validations: int = 0
    echo: bool = True
    content_type: str = "text/plain"
    validation_status: int = 200
    is_encoded: bool = False
    """Whether the token is given back as it stood in the URL, which is wrong."""
    seconds: float = 0.0
    """How long it takes to answer."""
    status: int = 202
    before_echo: Callable[[], None] = lambda: None
    _posted: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait_for_posts(self, number: int) -> None:
        """Wait until it was called so often; TimeoutError after five seconds."""
        async with asyncio.timeout(5):
            while self.posts < number:
                self._posted.clear()
                await self._posted.wait()

    async def handle(self, request: web.Request) -> web.Response:
        """Answer Graph."""
        body = await request.read()
        await asyncio.sleep(self.seconds)
        token = request.query.get("validationToken")
        if token is not None:
            self.validations += 1
            self.before_echo()
            text = quote(token) if self.is_encoded else token
            return web.Response(
                text=text if self.echo else "something else",
                content_type=self.content_type,
                status=self.validation_status,
            )
        self.posts += 1
        self._posted.set()
        if self.status < HTTPStatus.MULTIPLE_CHOICES:
            self.items += json.loads(body)["value"]
        return web.Response(status=self.status)


Answer = tuple[int, Any]


@dataclass
class GraphClient:
    """Calls Graph as the add-in's application."""

    session: aiohttp.ClientSession
    world: World
    tenant_id: str
    prefer: str = 'IdType="ImmutableId"'
    headers: dict[str, str] = field(default_factory=dict)
    """Further headers of every request."""

    async def __call__(self, method: str, path: str, body: Any = None, **query: str) -> Answer:
        """Return status and JSON body; `path` may be a nextLink."""
        issuer = self.world.entra.tokens
        roles = self.world.entra.apps[self.world.client_id].tenants[self.tenant_id]
        token = issuer.for_app(self.tenant_id, self.world.client_id, "https://graph.microsoft.com", roles)
        headers = {"Authorization": f"Bearer {token}", "Prefer": self.prefer, **self.headers}
        url = path if path.startswith("https:") else f"{self.world.graph.url}/v1.0{path}"
        async with self.session.request(method, url, json=body, params=query, headers=headers) as response:
            return response.status, await response.json() if response.content_length else None

    async def subscribe(self, listener: Listener, user_id: str, **changes: Any) -> Answer:
        """Subscribe to a mailbox; `changes` replace members of the usual body."""
        body = {
            "changeType": "created,updated,deleted",
            "notificationUrl": listener.url,
            "lifecycleNotificationUrl": listener.url,
            "resource": f"users/{user_id}/events",
            "expirationDateTime": (self.world.now() + timedelta(days=6)).isoformat(),
            "clientState": "the secret",
        }
        answer: Answer = await self("POST", "/subscriptions", {**body, **changes})
        return answer


@asynccontextmanager
async def listen_at(path: str = "/notifications") -> AsyncIterator[Listener]:
    """Serve an endpoint at a free port for the time of an `async with`."""
    socket = bind()
    listener = Listener(f"http://addin.localhost:{socket.getsockname()[1]}{path}")
    app = web.Application()
    app.router.add_post(path, listener.handle)
    runner = web.AppRunner(app, access_log=None)
    async with served(runner, socket):
        yield listener

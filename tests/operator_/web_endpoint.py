"""A web server whose answer to Graph's handshake is a test's choice."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from outlook_addin_sandbox.serving import bind, served


@asynccontextmanager
async def web_server(answer: Callable[[web.Request], Awaitable[web.Response]]) -> AsyncIterator[str]:
    """Serve an endpoint that answers Graph's handshake in a way of its own; yields its origin."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    async with served(runner, bind()) as port:
        yield f"http://addin.localhost:{port}"

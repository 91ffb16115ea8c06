"""A web server whose answer to Graph's handshake is a test's choice."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from operator_.conftest import free_port


@asynccontextmanager
async def web_server(answer: Callable[[web.Request], Awaitable[web.Response]]) -> AsyncIterator[str]:
    """Serve an endpoint that answers Graph's handshake in a way of its own; yields its origin."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://addin.localhost:{port}"
    finally:
        await runner.cleanup()

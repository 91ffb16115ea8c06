"""Starting and stopping the page's web server."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from aiohttp import ClientSession, TCPConnector, web

from outlook_addin_sandbox.loopback import LoopbackResolver
from outlook_addin_sandbox.outlook.api import Api, errors_as_json
from outlook_addin_sandbox.outlook.live import LiveFeed
from outlook_addin_sandbox.outlook.manifest import Sideload
from outlook_addin_sandbox.outlook.office_script import office_script
from outlook_addin_sandbox.outlook.services import Json, PageServices
from outlook_addin_sandbox.outlook.world_services import world_services
from outlook_addin_sandbox.serving import bind, served
from outlook_addin_sandbox.world import World

_WEB = Path(__file__).parent / "web"


@dataclass(frozen=True)
class OutlookPage:
    """A running page.

    Attributes:
        url: where a browser finds it, for example ``http://outlook.localhost:8090``.
    """

    url: str

    @property
    def office_js_url(self) -> str:
        """What an add-in's page must load instead of Microsoft's office.js."""
        return f"{self.url}/office.js"

    @classmethod
    def start(
        cls,
        world: World,
        *,
        addin_url: str,
        kubectl_table: Callable[[], Awaitable[str]],
        conversations: Callable[[], Awaitable[list[Json]]] | None = None,
        port: int = 0,
    ) -> AbstractAsyncContextManager[Self]:
        """Run the page over a world.

        Args:
            world: its agents, mailboxes, tokens and conversations are on the page.
            addin_url: base address of the add-in with its endpoint; ``taskpane.html`` and ``manifest.xml``
                lie under it.
            kubectl_table: what ``kubectl get oaddin,csub`` prints now.
            conversations: rows of the Unblu panel, when they are not the world's own.
            port: TCP port, or 0 for a free one.
        """
        return cls.serve(world_services(world, addin_url, kubectl_table, conversations), port=port)

    @classmethod
    @asynccontextmanager
    async def serve(
        cls, services: PageServices, *, port: int = 0, interval: float = 1.0
    ) -> AsyncIterator[Self]:
        """Run the page on loopback while the context lasts.

        Args:
            services: calendars, tokens and panels behind the page.
            port: TCP port, or 0 for a free one.
            interval: seconds between two looks at calendar, conversations and kubectl.
        """
        feed = LiveFeed(interval)
        async with _session() as session:
            runner = web.AppRunner(_app(services, feed, session), handler_cancellation=True, access_log=None)
            async with served(runner, bind(port)) as taken, aclosing(feed):
                yield cls(f"http://outlook.localhost:{taken}")


@asynccontextmanager
async def _session() -> AsyncIterator[ClientSession]:
    async with ClientSession(connector=TCPConnector(resolver=LoopbackResolver())) as session:
        yield session


def _app(services: PageServices, feed: LiveFeed, session: ClientSession) -> web.Application:
    app = web.Application(middlewares=[errors_as_json])
    app.add_routes(Api(services, feed, Sideload(services.addin_url, services.addin_id, session)).routes())
    app.add_routes([web.get("/", _index), web.get("/office.js", _office)])
    for folder in ("js", "css"):
        app.router.add_static(f"/{folder}", _WEB / folder)
    app.on_response_prepare.append(_headers(services.addin_url))
    return app


async def _index(_: web.Request) -> web.StreamResponse:
    return web.FileResponse(_WEB / "index.html")


async def _office(_: web.Request) -> web.Response:
    return web.Response(text=office_script(), content_type="text/javascript")


def _headers(addin_url: str) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """Nothing but our own files and the add-in's frame; always fresh, for people who edit the files."""
    addin = urlsplit(addin_url)
    policy = (
        "default-src 'self'; img-src 'self' data: https: http:; style-src 'self' 'unsafe-inline'; "
        f"frame-src {addin.scheme}://{addin.netloc}; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    )

    async def add(_: web.Request, response: web.StreamResponse) -> None:
        response.headers.setdefault("Content-Security-Policy", policy)
        response.headers.setdefault("Cache-Control", "no-cache")

    return add

"""The add-in's web application: which path is answered by whom."""

from collections.abc import AsyncIterator, Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from aiohttp import web

from outlook_addin_core.domain.config import AddinConfig
from outlook_addin_web import health, manifest
from outlook_addin_web.headers import NO_CACHE, add_security_headers
from outlook_addin_web.public_config import public_config
from outlook_addin_web.statics import STATIC, Statics

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from outlook_addin_web.sync import Sync

LONGEST_BODY: Final = 1024 * 1024
"""Bytes of a delivery: some thousand notifications."""

SYNC: Final = web.AppKey["Sync"]("sync")


def build_app(
    config: AddinConfig,
    *,
    sync: "Callable[[], AbstractAsyncContextManager[Sync]] | None" = None,
    static_root: Path = STATIC,
) -> web.Application:
    """Return the application.

    Args:
        config: The add-in.
        sync: Starts the synchronisation and ends it with the application; None if it is switched off.
        static_root: The folder of the built user interface.
    """
    app = web.Application(client_max_size=LONGEST_BODY)
    app.on_response_prepare.append(add_security_headers)
    bases = _bases(config)
    statics = Statics(config, static_root)
    for base in bases:
        _add_documents(app, config, base)
        statics.add_routes(app, base)
    if sync is None:
        _add_sync_off(app, bases)
    else:
        _add_sync(app, bases, sync)
    return app


def _bases(config: AddinConfig) -> Collection[str]:
    """Return the paths below which everything is served.

    That of the deployment URL, and, should it have a path of its own, also what is left of it behind a proxy
    that takes that away.
    """
    return dict.fromkeys((urlsplit(config.base_url).path, f"/{config.deployment_addin_endpoint}"))


def _add_documents(app: web.Application, config: AddinConfig, base: str) -> None:
    manifest_text, settings_text = manifest.render(config), public_config(config)

    async def show_manifest(_: web.Request) -> web.Response:
        headers = {"Cache-Control": NO_CACHE, "Content-Disposition": 'inline; filename="manifest.xml"'}
        return web.Response(text=manifest_text, content_type="text/xml", headers=headers)

    async def show_config(_: web.Request) -> web.Response:
        headers = {"Cache-Control": NO_CACHE}
        return web.Response(text=settings_text, content_type="application/json", headers=headers)

    app.router.add_get(f"{base}/manifest.xml", show_manifest)
    app.router.add_get(f"{base}/config.json", show_config)


def _add_sync_off(app: web.Application, bases: Collection[str]) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"sync": "off"})

    health.add_routes(app, alive=lambda: True, ready=lambda: True)
    for base in bases:
        app.router.add_get(f"{base}/api/mailbox", answer)
        app.router.add_put(f"{base}/api/mailbox", answer)


def _add_sync(
    app: web.Application, bases: Collection[str], start: "Callable[[], AbstractAsyncContextManager[Sync]]"
) -> None:
    async def run(app: web.Application) -> AsyncIterator[None]:
        async with start() as sync:
            app[SYNC] = sync
            yield

    async def receive(request: web.Request) -> web.Response:
        return await request.app[SYNC].intake.receive(request)

    async def get_mailbox(request: web.Request) -> web.Response:
        return await request.app[SYNC].api.get(request)

    async def put_mailbox(request: web.Request) -> web.Response:
        return await request.app[SYNC].api.put(request)

    app.cleanup_ctx.append(run)
    health.add_routes(app, alive=lambda: app[SYNC].alive, ready=lambda: app[SYNC].ready)
    for base in bases:
        app.router.add_post(f"{base}/graph/notifications", receive)
        app.router.add_post(f"{base}/graph/lifecycle", receive)
        app.router.add_get(f"{base}/api/mailbox", get_mailbox)
        app.router.add_put(f"{base}/api/mailbox", put_mailbox)

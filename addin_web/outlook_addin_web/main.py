"""The process: reads its environment and ``addin.json``, serves both ports, and stops when it is told to."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

import uvloop
from aiohttp import web
from prometheus_client import REGISTRY

from outlook_addin_core.domain.clock import SystemClock
from outlook_addin_core.domain.config import AddinConfig, ConfigError
from outlook_addin_web import logs, tracing
from outlook_addin_web.app import build_app
from outlook_addin_web.metrics import Metrics, metrics_app
from outlook_addin_web.settings import Settings, SettingsError, load_config

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from outlook_addin_web.sync import Sync

log = logging.getLogger(__name__)

BAD_CONFIGURATION: Final = 2
SHUTDOWN_SECONDS: Final = 5.0
"""How long requests that are under way may take to end."""


def main() -> None:
    """Run the web server; ends with code 2 and one sentence if it cannot be configured."""
    try:
        settings = Settings.from_env(os.environ)
        config = load_config(settings.config_path)
        settings.check(config)
        end_tracing = tracing.start(os.environ)
    except (SettingsError, ConfigError) as error:
        sys.stderr.write(f"outlook-addin-web: {error}\n")
        sys.exit(BAD_CONFIGURATION)
    logs.configure(config.log_level)
    try:
        uvloop.run(serve(settings, config, os.environ))
    except OSError as error:
        sys.stderr.write(f"outlook-addin-web: cannot listen ({error.strerror or error}).\n")
        sys.exit(1)
    finally:
        end_tracing()


async def serve(settings: Settings, config: AddinConfig, environ: Mapping[str, str]) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.set_exception_handler(logs.unhandled)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    app = build_app(config, sync=_sync(settings, config, environ))
    runners = [make_runner(app), make_runner(metrics_app(REGISTRY))]
    try:
        for runner, port in zip(runners, (settings.port, settings.metrics_port), strict=True):
            await runner.setup()
            await web.TCPSite(runner, settings.listen_address, port).start()
        log.info("serving", extra={"port": settings.port, "sync": config.sync_server_enabled})
        await stop.wait()
        log.info("stopping")
    finally:
        for runner in runners:
            await runner.cleanup()


def make_runner(app: web.Application) -> web.AppRunner:
    """Return what serves an application as the process does."""
    # nobody who asks us compresses; unpacking costs a thousand times what sending costs, even to refuse it
    return web.AppRunner(app, access_log=None, auto_decompress=False, shutdown_timeout=SHUTDOWN_SECONDS)


def _sync(
    settings: Settings, config: AddinConfig, environ: Mapping[str, str]
) -> "Callable[[], AbstractAsyncContextManager[Sync]] | None":
    if not config.sync_server_enabled:
        return None
    # msal, lightkube and the rest cost some 25 MiB, which an add-in without synchronisation need not pay
    from outlook_addin_web.sync import connected  # noqa: PLC0415 - see above

    metrics = Metrics(REGISTRY)
    return lambda: connected(settings, config, environ, SystemClock(), metrics)

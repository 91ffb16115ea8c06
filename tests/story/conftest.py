"""The built task pane, served by the real web server, in the calendar page and a real browser; no cluster."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from playwright.async_api import Page

from outlook_addin_sandbox.browser import chromium
from outlook_addin_sandbox.loopback import LoopbackResolver
from outlook_addin_sandbox.outlook import OutlookPage
from outlook_addin_sandbox.outlook.testing import free_port
from outlook_addin_sandbox.world import World

START_SECONDS = 20.0


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World.start() as world:
        yield world


@pytest.fixture
async def outlook(world: World, tmp_path: Path) -> AsyncIterator[OutlookPage]:
    port = free_port()
    addin_url = f"http://addin.localhost:{port}/addin"

    async def no_cluster() -> str:
        return "No resources found"

    async with OutlookPage.start(world, addin_url=addin_url, kubectl_table=no_cluster) as page:
        config = tmp_path / "addin.json"
        config.write_text(json.dumps(configuration(world, port, page)))
        async with web_server(config, port, tmp_path / "web.log"):
            yield page


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with chromium() as browser:
        context = await browser.new_context(
            viewport={"width": 1440, "height": 900},
            timezone_id="UTC",
            locale="en-GB",
            ignore_https_errors=True,  # the simulated Entra has a certificate of the sandbox's own authority
        )
        context.set_default_timeout(15_000)
        yield await context.new_page()


def configuration(world: World, port: int, page: OutlookPage) -> dict[str, object]:
    return {
        "deploymentUrl": f"http://addin.localhost:{port}",
        "deploymentAddinEndpoint": "addin",
        "unbluOAuthBackendUrl": world.unblu.url,
        "clientId": world.client_id,
        "authority": f"{world.entra.origin}/common",
        "tenantIds": [world.tenant_id],
        "syncServerEnabled": False,
        "officeJsUrl": page.office_js_url,
        "frameAncestors": [page.url],
    }


@asynccontextmanager
async def web_server(config: Path, port: int, log: Path) -> AsyncIterator[None]:
    environ = os.environ | {
        "ADDIN_CONFIG": str(config),
        "LISTEN_ADDRESS": "127.0.0.1",
        "PORT": str(port),
        "METRICS_PORT": str(free_port()),
    }
    command = Path(sys.executable).with_name("outlook-addin-web")
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(command, env=environ, stdout=output, stderr=output)
    try:
        await answers(f"http://addin.localhost:{port}/ready", process)
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        assert await process.wait() == 0, f"see {log}"


async def answers(url: str, process: asyncio.subprocess.Process) -> None:
    connector = aiohttp.TCPConnector(resolver=LoopbackResolver())
    async with asyncio.timeout(START_SECONDS), aiohttp.ClientSession(connector=connector) as session:
        while process.returncode is None:
            try:
                async with session.get(url) as answer:
                    if answer.ok:
                        return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.1)
    raise AssertionError("the web server ended before it answered")

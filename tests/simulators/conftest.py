"""A world to look at, clients for it, and an endpoint that listens to its notifications."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from outlook_addin_sandbox.loopback import LoopbackResolver
from outlook_addin_sandbox.testing import GraphClient, Listener, TravelClock, listen_at
from outlook_addin_sandbox.world import World, WorldSettings


@pytest.fixture
def clock() -> TravelClock:
    return TravelClock()


@pytest.fixture(scope="session")
def certificate_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture
async def world(clock: TravelClock, certificate_folder: Path) -> AsyncIterator[World]:
    async with World.start(WorldSettings(now=clock, folder=certificate_folder)) as running:
        yield running


@pytest.fixture
async def session(world: World) -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(resolver=LoopbackResolver(), ssl=world.tls.client_context())
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as running:
        yield running


@pytest.fixture
def graph(session: aiohttp.ClientSession, world: World) -> GraphClient:
    return GraphClient(session, world, world.tenant_id)


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    async with listen_at() as running:
        yield running

import asyncio
import socket

import pytest
from aiohttp import web

from outlook_addin_sandbox.serving import bind, served
from outlook_addin_sandbox.world import World


def connect(port: int) -> socket.socket:
    """Begin to connect; the connection arrives some turns of the loop later."""
    client = socket.socket()
    client.setblocking(False)
    client.connect_ex(("127.0.0.1", port))
    return client


def is_hung_up(client: socket.socket) -> bool:
    client.settimeout(1)
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("turns", range(6))
async def test_whoever_connects_while_a_simulator_ends_is_hung_up_on(world: World, turns: int) -> None:
    with connect(world.unblu.port) as client:
        for _ in range(turns):
            await asyncio.sleep(0)
        await world.unblu.stop()
        assert is_hung_up(client)


@pytest.mark.parametrize("turns", range(6))
async def test_whoever_connects_while_serving_ends_is_hung_up_on(turns: int) -> None:
    async with served(web.AppRunner(web.Application()), bind()) as port:
        clients = [connect(port) for _ in range(4)]
        for _ in range(turns):
            await asyncio.sleep(0)
    for client in clients:
        with client:
            assert is_hung_up(client)


async def test_a_request_without_an_answer_does_not_hold_up_the_end() -> None:
    arrived = asyncio.Event()

    async def wait(_: web.Request) -> web.Response:
        arrived.set()
        await asyncio.Event().wait()
        raise AssertionError

    app = web.Application()
    app.router.add_get("/", wait)
    async with asyncio.timeout(10):
        async with served(web.AppRunner(app, shutdown_timeout=0.1), bind()) as port:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
            await arrived.wait()
    writer.close()

import asyncio
import socket

import pytest

from outlook_addin_sandbox.world import World


@pytest.mark.parametrize("turns", range(6))
async def test_a_connection_that_arrives_while_a_simulator_ends_is_closed(world: World, turns: int) -> None:
    with socket.socket() as client:
        client.setblocking(False)
        client.connect_ex(("127.0.0.1", world.unblu.port))
        for _ in range(turns):
            await asyncio.sleep(0)
        await world.unblu.stop()
        client.settimeout(1)
        try:
            assert client.recv(1) == b""
        except ConnectionResetError:
            return

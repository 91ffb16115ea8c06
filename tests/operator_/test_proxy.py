"""By which way the operator's own calls leave the cluster, over loopback sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from operator_.mill import Mill, settings

NOWHERE = "http://127.0.0.1:9"


@asynccontextmanager
async def proxy(seen: set[str]) -> AsyncIterator[str]:
    """Tunnel to wherever is asked for on this machine; notes the hosts."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        host, _, port = head.split()[1].rpartition(":")
        seen.add(f"{host}:{port}")
        there, back = await asyncio.open_connection("127.0.0.1", int(port))
        writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        await asyncio.gather(pump(reader, back), pump(there, writer), return_exceptions=True)

    server = await asyncio.start_server(tunnel, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()


async def test_graph_and_entra_are_called_through_the_proxy_of_the_spec(mill: Mill) -> None:
    seen: set[str] = set()
    async with proxy(seen) as address:
        settings(mill)["proxy"] |= {"httpsProxy": address}
        await mill.run()
        await mill.graph.aclose()
    assert mill.states()["Ready"] == ("True", "Subscribed")
    assert seen == {
        origin.partition("://")[2] for origin in (mill.world.graph.origin, mill.world.entra.origin)
    }


async def test_what_the_spec_excepts_is_called_directly_whatever_the_operators_own_proxy_is(
    mill: Mill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", NOWHERE)
    settings(mill)["proxy"] |= {"httpsProxy": NOWHERE, "noProxy": "localhost,127.0.0.1"}
    await mill.run()
    assert mill.states()["Ready"] == ("True", "Subscribed")

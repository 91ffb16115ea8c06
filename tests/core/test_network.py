"""What mocked transports cannot show: certificates, proxies and closed ports, over loopback sockets."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from outlook_addin_core.clients.errors import Unreachable
from outlook_addin_core.clients.http import make_client, request
from outlook_addin_core.clients.tokens import TokenSource

if TYPE_CHECKING:
    from core.conftest import Certificates

PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@asynccontextmanager
async def served(text: str, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve this text under every URL, whoever asks and whatever host is asked for; yields the port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(text)}\r\nConnection: close\r\n\r\n"
        writer.write((head + text).encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


@asynccontextmanager
async def secure(folder: Path, pem: bytes) -> AsyncIterator[int]:
    path = folder / "server.pem"
    path.write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    async with served("secure", context) as port:
        yield port


@pytest.fixture
async def secure_port(tmp_path: Path, server_pem: bytes) -> AsyncIterator[int]:
    async with secure(tmp_path, server_pem) as port:
        yield port


@pytest.fixture
def unused_port(unused_tcp_port_factory: Callable[[], int]) -> int:
    return unused_tcp_port_factory()


async def fetch(base_url: str, ca_bundle: str | None = None) -> str:
    async with make_client(base_url=base_url, ca_bundle=ca_bundle, timeout=5) as client:
        return (await request(client, "GET", "/", operation="test")).text


async def test_a_server_of_the_bundles_authority_is_trusted(secure_port: int, authority: str) -> None:
    assert await fetch(f"https://127.0.0.1:{secure_port}", authority) == "secure"


async def test_a_server_of_another_authority_is_not(secure_port: int) -> None:
    with pytest.raises(Unreachable, match=r"certificate of 127\.0\.0\.1 is not trusted"):
        await fetch(f"https://127.0.0.1:{secure_port}")


async def test_a_certificate_for_another_name_is_called_that(secure_port: int, authority: str) -> None:
    with pytest.raises(Unreachable, match="certificate of localhost is for another name"):
        await fetch(f"https://localhost:{secure_port}", authority)


@pytest.mark.parametrize(
    ("which", "said"), [("expired", "has expired; have it renewed"), ("not_yet_valid", "is not valid yet")]
)
async def test_what_is_wrong_with_the_dates_of_a_certificate_is_said(
    certificates: "Certificates", tmp_path: Path, authority: str, which: str, said: str
) -> None:
    async with secure(tmp_path, getattr(certificates, which)) as port:
        with pytest.raises(Unreachable, match=rf"certificate of 127\.0\.0\.1 {said}"):
            await fetch(f"https://127.0.0.1:{port}", authority)


async def test_entra_is_held_to_the_same_authorities(secure_port: int) -> None:
    tokens = TokenSource(f"https://127.0.0.1:{secure_port}/tenant", "client", "secret", "scope")
    with pytest.raises(Unreachable, match=r"certificate of 127\.0\.0\.1 is not trusted"):
        await tokens.token()
    await tokens.aclose()


async def test_a_closed_port_is_unreachable(unused_port: int) -> None:
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1 cannot be reached"):
        await fetch(f"http://127.0.0.1:{unused_port}")


async def test_the_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with served("by proxy") as port:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{port}")
        assert await fetch("http://unblu.bank.example") == "by proxy"


async def test_no_proxy_leads_past_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async with served("by proxy") as proxy, served("directly") as port:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy}")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        assert await fetch(f"http://127.0.0.1:{port}") == "directly"

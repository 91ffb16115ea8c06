import ssl
from pathlib import Path

import aiohttp
import pytest

from outlook_addin_sandbox import tls
from outlook_addin_sandbox.loopback import LoopbackResolver
from outlook_addin_sandbox.world import World


def test_certificates_are_made_once_and_the_key_is_private(tmp_path: Path) -> None:
    files = tls.ensure(tmp_path)
    first = files.certificate.read_bytes()
    assert files.key.stat().st_mode & 0o777 == 0o600
    assert tls.ensure(tmp_path).certificate.read_bytes() == first


def test_an_unusable_set_is_replaced(tmp_path: Path) -> None:
    files = tls.ensure(tmp_path)
    files.key.unlink()
    tls.ensure(tmp_path)
    assert files.server_context().cert_store_stats() is not None


@pytest.mark.parametrize("host", ["localhost", "graph.localhost", "127.0.0.1"])
async def test_the_server_certificate_fits_every_name_of_this_machine(
    world: World, session: aiohttp.ClientSession, host: str
) -> None:
    url = f"https://{host}:{world.entra.port}/{world.tenant_id}/discovery/v2.0/keys"
    async with session.get(url) as response:
        assert response.status == 200


async def test_a_client_that_does_not_trust_the_authority_is_turned_away(world: World) -> None:
    context = ssl.create_default_context()
    connector = aiohttp.TCPConnector(ssl=context, resolver=LoopbackResolver())
    async with aiohttp.ClientSession(connector=connector) as client:
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await client.get(f"{world.graph.url}/v1.0/subscriptions")

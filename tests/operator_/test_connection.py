from datetime import UTC, datetime
from pathlib import Path

import pytest

from outlook_addin_core.clients.kubernetes import load
from outlook_addin_operator.connection import connection_info
from outlook_addin_sandbox.tls import ensure


@pytest.fixture
def service_account(tmp_path: Path) -> Path:
    authority = ensure(tmp_path / "tls").ca
    folder = tmp_path / "serviceaccount"
    folder.mkdir()
    (folder / "ca.crt").write_bytes(authority.read_bytes())
    (folder / "token").write_text("first\n")
    (folder / "namespace").write_text("outlook")
    return folder


async def test_kopf_speaks_as_the_pods_service_account_and_reads_its_token_again(
    service_account: Path,
) -> None:
    environ = {
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT": "6443",
        "SERVICE_ACCOUNT_DIR": str(service_account),
    }
    async with load(environ) as client:
        info = connection_info(client)
        assert info.server == "https://127.0.0.1:6443"
        assert str(info.ca_path) == str(service_account / "ca.crt")
        assert info.token == "first"
        assert info.default_namespace == "outlook"
        assert info.expiration is not None
        assert info.expiration > datetime.now(UTC)
        (service_account / "token").write_text("second")
        assert connection_info(client).token == "second"

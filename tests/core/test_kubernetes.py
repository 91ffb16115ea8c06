import json
from pathlib import Path
from typing import Any

import httpx2
import lightkube
import pytest
from lightkube.config.kubeconfig import KubeConfig
from lightkube.config.models import Cluster, User
from lightkube.core.exceptions import ConfigError

from outlook_addin_core.clients.kubernetes import CalendarSubscription, OutlookAddin, apply_status, load

KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: here
contexts: [{name: here, context: {cluster: here, user: me, namespace: outlook}}]
clusters: [{name: here, cluster: {server: "https://kube.example:6443", insecure-skip-tls-verify: true}}]
users: [{name: me, user: {token: secret}}]
"""


@pytest.fixture
def service_account(tmp_path: Path, authority: str) -> Path:
    (tmp_path / "token").write_text("first")
    (tmp_path / "namespace").write_text("outlook\n")
    (tmp_path / "ca.crt").write_text(authority)
    return tmp_path


@pytest.mark.parametrize(
    ("host", "server"), [("10.0.0.1", "https://10.0.0.1:6443"), ("fd00::1", "https://[fd00::1]:6443")]
)
async def test_inside_a_pod_the_service_account_speaks(service_account: Path, host: str, server: str) -> None:
    environ = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": "6443"}
    client = load(environ | {"SERVICE_ACCOUNT_DIR": str(service_account)})
    assert client.config.cluster.server == server
    assert client.namespace == "outlook"
    await client.close()


async def test_the_pod_may_say_its_namespace_itself(service_account: Path) -> None:
    (service_account / "namespace").unlink()
    environ = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "SERVICE_ACCOUNT_DIR": str(service_account)}
    client = load(environ | {"POD_NAMESPACE": "mine"})
    assert client.namespace == "mine"
    await client.close()


async def test_outside_the_kubeconfig_speaks(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(KUBECONFIG)
    client = load({"KUBECONFIG": str(path)})
    assert client.config.cluster.server == "https://kube.example:6443"
    assert client.namespace == "outlook"
    await client.close()


@pytest.mark.parametrize("name", ["token", "ca.crt"])
def test_a_service_account_that_is_not_there_is_named(service_account: Path, name: str) -> None:
    (service_account / name).unlink()
    with pytest.raises(ConfigError, match=f"holds no {name}"):
        load({"KUBERNETES_SERVICE_HOST": "10.0.0.1", "SERVICE_ACCOUNT_DIR": str(service_account)})


def test_a_kubeconfig_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="missing"):
        load({"KUBECONFIG": str(tmp_path / "missing")})


class FakeApiServer:
    """Remembers what is owned; knows one token and rotates it."""

    def __init__(self) -> None:
        self.token = "first"
        self.applied: dict[tuple[str, str], dict[str, Any]] = {}

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if request.headers["Authorization"] != f"Bearer {self.token}":
            return httpx2.Response(401, json={"kind": "Status", "code": 401, "message": "no"})
        assert request.headers["Content-Type"] == "application/apply-patch+yaml"
        body = json.loads(request.content)
        key = request.url.path, request.url.params["fieldManager"]
        self.applied[key] = body
        return httpx2.Response(200, json=body)


async def test_status_is_applied_under_its_manager_and_a_rotated_token_is_read_again(
    service_account: Path,
) -> None:
    server = FakeApiServer()
    config = KubeConfig.from_one(
        cluster=Cluster(server="https://kube.example"), user=User(token_file=str(service_account / "token"))
    )
    client = lightkube.AsyncClient(config, transport=httpx2.MockTransport(server), trust_env=False)
    for token in ("first", "second"):
        server.token = token
        (service_account / "token").write_text(token)
        status: dict[str, Any] = {"conditions": [], "subscriptionId": token}
        await apply_status(
            client, CalendarSubscription, "outlook", "addin-1", status, field_manager="outlook-addin-web"
        )
    path = "/apis/outlook-addin.dev/v1alpha1/namespaces/outlook/calendarsubscriptions/addin-1/status"
    assert server.applied == {
        (path, "outlook-addin-web"): {
            "apiVersion": "outlook-addin.dev/v1alpha1",
            "kind": "CalendarSubscription",
            "metadata": {"name": "addin-1", "namespace": "outlook"},
            "status": {"conditions": [], "subscriptionId": "second"},
        }
    }
    await client.close()


def test_our_kinds_have_a_status_of_their_own() -> None:
    assert OutlookAddin.Status is not CalendarSubscription.Status

"""Every way to prove to Entra who we are, with a real API server and the simulated Entra."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from certificates import KeyPair, key_pair
from outlook_addin_sandbox.entra import Certificate, FederatedCredential, Secret
from outlook_addin_sandbox.world import GRAPH_ROLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from operator_.conftest import Here
    from outlook_addin_sandbox.cluster.control_plane import ControlPlane
    from outlook_addin_sandbox.world import World

    Build = Callable[..., dict[str, Any]]

ROOT = Path(__file__).resolve().parents[2]
RIGHTS = str(ROOT / "manifests" / "components" / "workload-identity" / "rights.yaml")


def condition(body: dict[str, Any], kind: str) -> tuple[str, str] | None:
    for item in body.get("status", {}).get("conditions", ()):
        if item["type"] == kind:
            return item["status"], item["reason"]
    return None


def message(body: dict[str, Any], kind: str) -> str:
    [found] = [item["message"] for item in body["status"]["conditions"] if item["type"] == kind]
    return str(found)


def is_subscribed(body: dict[str, Any]) -> bool:
    return condition(body, "Ready") == ("True", "Subscribed")


async def set_up(here: Here, *bodies: dict[str, Any]) -> None:
    await here.apply(*bodies)
    await here.make_pods_ready()
    await here.until("oaddin", "desk", lambda body: condition(body, "Ready") == ("True", "Available"))


def tls(pair: KeyPair) -> dict[str, Any]:
    texts = {"tls.crt": pair.certificate, "tls.key": pair.key}
    data = {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"name": "entra-tls"},
        "data": data,
    }


def without_client_secret(credentials: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The Secret holds the gateway's secret and nothing for Entra."""
    data = {key: value for key, value in credentials[0]["data"].items() if key != "CLIENT_SECRET"}
    return [{**credentials[0], "data": data}, credentials[1]]


async def test_a_certificate_is_accepted_and_its_successor_is_taken_up_without_a_restart(
    here: Here, world: World, addin: Build, credentials: list[dict[str, Any]], subscription: Build
) -> None:
    first, second = key_pair(timedelta(days=10)), key_pair(timedelta(days=300))
    known = world.entra.apps[world.client_id].certificates
    known.append(Certificate(first.certificate))
    kind = {"type": "Certificate", "certificateRef": {"name": "entra-tls"}}
    await set_up(here, *without_client_secret(credentials), tls(first), addin(credentials=kind))
    await here.apply(subscription())
    await here.until("csub", "desk-0", is_subscribed)
    body = await here.until("oaddin", "desk", lambda body: condition(body, "CredentialsExpiring") is not None)
    assert condition(body, "CredentialsExpiring") == ("True", "ExpiresWithin14Days")
    assert condition(body, "Ready") == ("True", "Available")
    known[:] = [Certificate(second.certificate)]
    await here.apply(tls(second))
    await here.kubectl("annotate", "oaddin", "desk", "look=again")
    await here.until("oaddin", "desk", lambda body: condition(body, "CredentialsExpiring") is None)
    await here.apply(subscription(1))
    await here.until("csub", "desk-1", is_subscribed)


async def test_a_certificate_that_the_app_does_not_know_is_told_in_words(
    here: Here, addin: Build, credentials: list[dict[str, Any]], subscription: Build
) -> None:
    kind = {"type": "Certificate", "certificateRef": {"name": "entra-tls"}}
    stranger = tls(key_pair(timedelta(days=300)))
    await set_up(here, *without_client_secret(credentials), stranger, addin(credentials=kind))
    await here.apply(subscription())
    body = await here.until(
        "csub", "desk-0", lambda body: condition(body, "Ready") == ("False", "CredentialsRefused")
    )
    assert "renew it, and upload it there. (Code AADSTS700027.)" in message(body, "Ready")


@pytest.fixture
def token_rights(control_plane: ControlPlane) -> Iterator[None]:
    """The operator may ask for tokens, as the component allows it."""
    control_plane.kubectl("apply", "-f", RIGHTS)
    yield
    control_plane.kubectl("delete", "-f", RIGHTS)


@pytest.mark.usefixtures("token_rights")
async def test_the_service_account_of_the_add_in_is_enough_where_entra_trusts_the_cluster(
    here: Here, world: World, addin: Build, credentials: list[dict[str, Any]], subscription: Build
) -> None:
    issuer = json.loads(await here.kubectl("get", "--raw", "/.well-known/openid-configuration"))["issuer"]
    keys = json.loads(await here.kubectl("get", "--raw", "/openid/v1/jwks"))
    kind = {"type": "WorkloadIdentity"}
    await set_up(here, *without_client_secret(credentials), addin(credentials=kind))
    await here.apply(subscription())
    body = await here.until(
        "csub", "desk-0", lambda body: condition(body, "Ready") == ("False", "CredentialsRefused")
    )
    assert "AADSTS700211" in message(body, "Ready")
    subject = f"system:serviceaccount:{here.namespace}:desk"
    world.entra.apps[world.client_id].federated.append(FederatedCredential(issuer, subject, keys))
    await here.kubectl("annotate", "csub", "desk-0", "outlook-addin.dev/renew-requested=now")
    await here.apply(subscription(1))
    await here.until("csub", "desk-1", is_subscribed)


async def test_without_the_right_to_ask_for_tokens_the_remedy_is_told(
    here: Here, addin: Build, credentials: list[dict[str, Any]], subscription: Build
) -> None:
    kind = {"type": "WorkloadIdentity"}
    await set_up(here, *without_client_secret(credentials), addin(credentials=kind))
    await here.apply(subscription())
    body = await here.until(
        "csub", "desk-0", lambda body: condition(body, "Ready") == ("False", "CredentialsRefused")
    )
    assert "manifests/components/workload-identity" in message(body, "Ready")


async def test_an_expired_secret_is_told_by_its_code_and_the_spec_warned_of_it(
    here: Here, world: World, addin: Build, credentials: list[dict[str, Any]], subscription: Build
) -> None:
    ended = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    world.entra.apps[world.client_id].secrets[:] = [Secret(world.client_secret, expires=ended)]
    warned = {"expirationTime": ended.strftime("%Y-%m-%dT%H:%M:%SZ")}
    await set_up(here, *credentials, addin(credentials=warned))
    await here.apply(subscription())
    body = await here.until(
        "csub", "desk-0", lambda body: condition(body, "CredentialsValid") == ("False", "CredentialsRefused")
    )
    assert "the client secret has expired" in message(body, "Ready")
    assert "AADSTS7000222" in message(body, "Ready")
    parent = await here.until(
        "oaddin", "desk", lambda body: condition(body, "CredentialsExpiring") is not None
    )
    assert condition(parent, "CredentialsExpiring") == ("True", "Expired")
    told = [(item["reason"], item["regarding"]["name"]) for item in await here.list("events.events.k8s.io")]
    assert ("Expired", "desk") in told


async def test_graph_warns_of_the_end_of_the_secret_where_the_app_may_read_its_registration(
    here: Here, world: World, addin: Build, credentials: list[dict[str, Any]]
) -> None:
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(days=10)
    app = world.entra.apps[world.client_id]
    app.secrets[:] = [Secret(world.client_secret, expires=end)]
    app.tenants[world.tenant_id] = (*GRAPH_ROLES, "Application.Read.All")
    await set_up(here, *credentials, addin())
    body = await here.until("oaddin", "desk", lambda body: condition(body, "CredentialsExpiring") is not None)
    assert condition(body, "CredentialsExpiring") == ("True", "ExpiresWithin14Days")
    assert body["status"]["clientSecretExpirationTime"] == end.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert "expirationTime" not in str(body["spec"])


async def test_a_tenant_that_took_its_consent_back_leaves_the_other_alone(
    here: Here, world: World, addin: Build, credentials: list[dict[str, Any]], subscription: Build
) -> None:
    world.entra.apps[world.client_id].tenants.pop(world.other_tenant_id, None)
    await set_up(here, *credentials, addin(tenantIds=[world.tenant_id, world.other_tenant_id]))
    await here.apply(subscription(1, "foreign", tenantId=world.other_tenant_id), subscription())
    body = await here.until(
        "csub", "foreign", lambda body: condition(body, "Ready") == ("False", "CredentialsRefused")
    )
    assert "let its administrator consent, check clientId. (Code AADSTS700016.)" in message(body, "Ready")
    await here.until("csub", "desk-0", is_subscribed)
    parent = await here.until(
        "oaddin", "desk", lambda body: condition(body, "CredentialsValid") == ("False", "CredentialsRefused")
    )
    assert world.other_tenant_id in message(parent, "CredentialsValid")
    assert world.tenant_id not in message(parent, "CredentialsValid")
    assert condition(parent, "Ready") == ("True", "Available")
    await here.apply(subscription(2))
    await here.until("csub", "desk-2", is_subscribed)

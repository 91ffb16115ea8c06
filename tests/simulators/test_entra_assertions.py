"""What the simulated Entra says to certificates and federated tokens."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import httpx2
import jwt
import msal  # type: ignore[import-untyped]
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from certificates import KeyPair, key_pair
from outlook_addin_sandbox.entra import Certificate, FederatedCredential
from outlook_addin_sandbox.testing import TravelClock
from outlook_addin_sandbox.world import World

GRAPH = "https://graph.microsoft.com/.default"
ISSUER, SUBJECT = "https://cluster.example", "system:serviceaccount:bank:desk"
AUDIENCE = "api://AzureADTokenExchange"


class TextForms:
    """msal's forms hold bytes, which requests would send as they are."""

    def __init__(self, client: httpx2.Client) -> None:
        self._client = client

    def get(self, url: str, **options: Any) -> httpx2.Response:
        return self._client.get(url, **options)

    def post(self, url: str, data: dict[str, Any], **options: Any) -> httpx2.Response:
        texts = {name: value.decode() if isinstance(value, bytes) else value for name, value in data.items()}
        return self._client.post(url, data=texts, **options)


@pytest.fixture(scope="module")
def pair() -> KeyPair:
    return key_pair(timedelta(days=30))


@pytest.fixture(scope="module")
def issuer_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


async def by_msal(world: World, credential: dict[str, Any]) -> dict[str, Any]:
    def acquire() -> dict[str, Any]:
        with httpx2.Client(verify=world.tls.client_context(), trust_env=False) as client:
            app = msal.ConfidentialClientApplication(
                world.client_id,
                client_credential=credential,
                authority=f"{world.entra.url}/{world.tenant_id}",
                instance_discovery=False,
                http_client=TextForms(client),
            )
            answer: dict[str, Any] = app.acquire_token_for_client([GRAPH])
            return answer

    return await asyncio.to_thread(acquire)


def certificate_of(pair: KeyPair) -> dict[str, Any]:
    return {"private_key": pair.key, "public_certificate": pair.certificate}


async def test_msal_signs_in_with_a_certificate_that_the_app_knows(world: World, pair: KeyPair) -> None:
    answer = await by_msal(world, certificate_of(pair))
    assert answer["error_codes"] == [700027]
    world.entra.apps[world.client_id].certificates.append(Certificate(pair.certificate))
    answer = await by_msal(world, certificate_of(pair))
    assert "access_token" in answer


async def test_the_older_form_of_thumbprint_is_understood(world: World, pair: KeyPair) -> None:
    world.entra.apps[world.client_id].certificates.append(Certificate(pair.certificate))
    answer = await by_msal(world, {"private_key": pair.key, "thumbprint": pair.sha1})
    assert "access_token" in answer


async def test_an_expired_certificate_is_refused(world: World, pair: KeyPair, clock: TravelClock) -> None:
    world.entra.apps[world.client_id].certificates.append(Certificate(pair.certificate))
    clock.offset = timedelta(days=31)
    answer = await by_msal(world, certificate_of(pair))
    assert answer["error_codes"] == [700027]
    assert "expired" in answer["error_description"]


async def test_another_key_under_a_known_thumbprint_is_refused(world: World, pair: KeyPair) -> None:
    world.entra.apps[world.client_id].certificates.append(Certificate(pair.certificate))
    other = key_pair(timedelta(days=1))
    answer = await by_msal(world, {"private_key": other.key, "thumbprint": pair.sha1})
    assert answer["error_codes"] == [700027]


def trust(world: World, key: rsa.RSAPrivateKey) -> None:
    jwk = {**RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": "k1", "use": "sig", "alg": "RS256"}
    world.entra.apps[world.client_id].federated.append(FederatedCredential(ISSUER, SUBJECT, {"keys": [jwk]}))


def assertion(key: rsa.RSAPrivateKey, **changes: Any) -> str:
    now = int(datetime.now(UTC).timestamp())
    claims = {"iss": ISSUER, "sub": SUBJECT, "aud": [AUDIENCE], "nbf": now, "exp": now + 3600}
    return jwt.encode({**claims, **changes}, key, algorithm="RS256", headers={"kid": "k1"})


async def test_msal_signs_in_with_a_token_of_a_trusted_issuer(
    world: World, issuer_key: rsa.RSAPrivateKey
) -> None:
    trust(world, issuer_key)
    answer = await by_msal(world, {"client_assertion": lambda: assertion(issuer_key)})
    assert "access_token" in answer


@pytest.mark.parametrize(
    ("changes", "number"),
    [
        ({"iss": "https://other.example"}, 700211),
        ({"sub": "system:serviceaccount:bank:other"}, 700213),
        ({"aud": ["https://kubernetes.default.svc"]}, 700212),
        ({"exp": 1_000_000_000}, 700024),
    ],
)
async def test_a_token_that_was_not_meant_is_refused(
    world: World, issuer_key: rsa.RSAPrivateKey, changes: dict[str, Any], number: int
) -> None:
    trust(world, issuer_key)
    answer = await by_msal(world, {"client_assertion": lambda: assertion(issuer_key, **changes)})
    assert answer["error_codes"] == [number]


async def test_a_token_signed_by_nobody_is_refused(world: World, issuer_key: rsa.RSAPrivateKey) -> None:
    trust(world, issuer_key)
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    answer = await by_msal(world, {"client_assertion": lambda: assertion(stranger)})
    assert answer["error_codes"] == [700027]


@pytest.mark.parametrize(
    ("form", "number"),
    [
        ({}, 7000218),
        ({"client_assertion": "x"}, 900144),
        (
            {
                "client_assertion": "x",
                "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            },
            50027,
        ),
    ],
)
async def test_half_a_request_is_refused(
    world: World, session: aiohttp.ClientSession, form: dict[str, str], number: int
) -> None:
    data = {"client_id": world.client_id, "grant_type": "client_credentials", "scope": GRAPH, **form}
    url = f"{world.entra.url}/{world.tenant_id}/oauth2/v2.0/token"
    async with session.post(url, data=data) as response:
        assert (await response.json())["error_codes"] == [number]

from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs

import httpx2
import jwt
import pytest

from certificates import KeyPair, key_pair
from outlook_addin_core.clients.credentials import (
    ClientCertificate,
    ClientSecret,
    CredentialError,
    FederatedToken,
    from_environment,
    load_certificate,
)
from outlook_addin_core.clients.errors import CredentialsRefused, Unreachable
from outlook_addin_core.clients.tokens import TokenSource

AUTHORITY = "https://localhost:8443/84bd8158-6d4d-4958-8b9f-9d6445542f95"
ENDPOINT = f"{AUTHORITY}/oauth2/v2.0/token"


@pytest.fixture(scope="module")
def pair() -> KeyPair:
    return key_pair(timedelta(days=10))


class Entra:
    """Accepts every assertion and remembers it."""

    def __init__(self) -> None:
        self.assertions: list[str] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "GET":
            urls = {"authorization_endpoint": ENDPOINT, "token_endpoint": ENDPOINT}
            return httpx2.Response(200, json={"issuer": f"{AUTHORITY}/v2.0", **urls})
        form = parse_qs(request.content.decode())
        assert "client_secret" not in form
        self.assertions += form["client_assertion"]
        return httpx2.Response(
            200, json={"access_token": f"token-{len(self.assertions)}", "expires_in": 3599}
        )


def source(entra: Entra, credential: ClientCertificate | FederatedToken) -> TokenSource:
    return TokenSource(
        AUTHORITY, "app", credential, "https://g/.default", transport=httpx2.MockTransport(entra)
    )


async def test_a_certificate_signs_with_its_key_and_is_named_by_its_sha256(pair: KeyPair) -> None:
    entra, certificate = Entra(), load_certificate(pair.certificate, pair.key)
    assert await source(entra, certificate).token() == "token-1"
    [text] = entra.assertions
    header = jwt.get_unverified_header(text)
    assert header["alg"] == "PS256"
    assert header["x5t#S256"]
    claims = jwt.decode(text, options={"verify_signature": False})
    assert (claims["aud"], claims["iss"], claims["sub"]) == (ENDPOINT, "app", "app")


async def test_a_federated_token_is_read_whenever_entra_is_asked() -> None:
    entra, tokens = Entra(), iter(["first", "second"])
    made = source(entra, FederatedToken(lambda: next(tokens)))
    await made.token()
    await made.token()
    made.forget()
    await made.token()
    assert entra.assertions == ["first", "second"]


async def test_a_federated_token_that_is_not_there_is_told_in_words(tmp_path: Path) -> None:
    credential = from_environment({"AZURE_FEDERATED_TOKEN_FILE": str(tmp_path / "token")})
    assert isinstance(credential, FederatedToken)
    with pytest.raises(CredentialsRefused, match="token cannot be read"):
        await source(Entra(), credential).token()


async def test_a_token_that_cannot_be_had_at_the_moment_is_no_refusal() -> None:
    def fail() -> str:
        raise Unreachable("the API server did not answer", operation="kubernetes.token")

    with pytest.raises(Unreachable):
        await source(Entra(), FederatedToken(fail)).token()


def test_a_certificate_tells_when_it_ends(pair: KeyPair) -> None:
    left = load_certificate(pair.certificate, pair.key).expires - datetime.now(UTC)
    assert timedelta(days=9) < left < timedelta(days=10)


def test_what_cannot_be_used_is_named(pair: KeyPair) -> None:
    other = key_pair(timedelta(days=1))
    for certificate, key, words in (
        ("no", pair.key, "tls.crt is no PEM certificate"),
        (pair.certificate, "no", "tls.key is no PEM private key"),
        (pair.certificate, other.key, "tls.key does not belong to tls.crt"),
    ):
        with pytest.raises(CredentialError, match=words):
            load_certificate(certificate, key)


def test_a_pod_proves_itself_with_what_it_was_given(tmp_path: Path, pair: KeyPair) -> None:
    (tmp_path / "tls.crt").write_text(pair.certificate)
    (tmp_path / "tls.key").write_text(pair.key)
    (tmp_path / "token").write_text("jwt\n")
    assert from_environment({}) is None
    assert from_environment({"CLIENT_SECRET": "s"}) == ClientSecret("s")
    assert from_environment({"CLIENT_SECRET": "s\n"}) == ClientSecret("s")
    assert isinstance(from_environment({"CLIENT_CERTIFICATE_DIR": str(tmp_path)}), ClientCertificate)
    federated = from_environment(
        {"AZURE_FEDERATED_TOKEN_FILE": str(tmp_path / "token"), "CLIENT_SECRET": "s"}
    )
    assert isinstance(federated, FederatedToken)
    assert federated.read() == "jwt"


def test_nothing_secret_shows_in_a_representation(pair: KeyPair) -> None:
    for credential in (ClientSecret("hush"), load_certificate(pair.certificate, pair.key)):
        assert "hush" not in repr(credential)
        assert "PRIVATE" not in repr(credential)

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from outlook_addin_core.clients.errors import ClientError
from outlook_addin_core.domain.config import AddinConfig
from outlook_addin_web.user_tokens import (
    KEYS_REST,
    KEYS_RETRY,
    PERSONAL_TENANT,
    Caller,
    TokenRefused,
    UserTokens,
)
from web.fakes import ANNA, CLIENT_ID, CONFIG, OTHER_TENANT, START, TENANT, FakeClock

AUTHORITY = "https://login.microsoftonline.com"
ISSUER = f"{AUTHORITY}/{TENANT}/v2.0"


class Entra:
    """The public documents of a directory, and its signing keys."""

    def __init__(self) -> None:
        self.keys = {"k1": rsa.generate_private_key(65537, 2048)}
        self.down = False
        self.fetches = 0
        self.asked = 0

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked += 1
        if self.down:
            return httpx2.Response(503)
        if request.url.path == f"/{TENANT}/v2.0/.well-known/openid-configuration":
            return httpx2.Response(200, json={"issuer": ISSUER, "jwks_uri": f"{AUTHORITY}/{TENANT}/keys"})
        if request.url.path == f"/{TENANT}/keys":
            self.fetches += 1
            return httpx2.Response(200, json={"keys": self._published()})
        return httpx2.Response(404)

    def _published(self) -> list[dict[str, Any]]:
        keys = []
        for kid, key in self.keys.items():
            document = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
            keys.append({**document, "kid": kid, "use": "sig"})
        return [{"kty": "EC", "kid": "strange"}, *keys]

    def sign(self, claims: dict[str, Any], kid: str = "k1", algorithm: str = "RS256") -> str:
        return jwt.encode(claims, self.keys[kid], algorithm, headers={"kid": kid})


@pytest.fixture(scope="module")
def signing_entra() -> Entra:
    return Entra()


@pytest.fixture
def entra(signing_entra: Entra) -> Entra:
    signing_entra.down, signing_entra.fetches = False, 0
    return signing_entra


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


Verifier = Callable[[str], Any]


def tokens(entra: Entra, clock: FakeClock, config: AddinConfig = CONFIG) -> UserTokens:
    client = httpx2.AsyncClient(base_url=config.authority, transport=httpx2.MockTransport(entra))
    return UserTokens(config, client, clock)


def claims(**changes: Any) -> dict[str, Any]:
    now = int(START.timestamp())
    good = {
        "aud": CLIENT_ID,
        "iss": ISSUER,
        "tid": TENANT,
        "oid": ANNA.user_id,
        "scp": "access_as_user",
        "ver": "2.0",
        "nbf": now - 60,
        "exp": now + 3600,
        "preferred_username": "anna@bank.example",
    }
    return {key: value for key, value in {**good, **changes}.items() if value is not None}


async def test_an_agents_token_names_her_mailbox_and_address(entra: Entra, clock: FakeClock) -> None:
    caller = await tokens(entra, clock).verify(entra.sign(claims()))
    assert caller == Caller(ANNA, "anna@bank.example")


async def test_ids_are_compared_in_lower_case(entra: Entra, clock: FakeClock) -> None:
    token = entra.sign(claims(tid=TENANT.upper(), oid=ANNA.user_id.upper()))
    assert (await tokens(entra, clock).verify(token)).mailbox == ANNA


@pytest.mark.parametrize("address", [None, "", 7, "x" * 321])
async def test_an_address_that_cannot_be_used_is_left_out(
    entra: Entra, clock: FakeClock, address: object
) -> None:
    caller = await tokens(entra, clock).verify(entra.sign(claims(preferred_username=address)))
    assert caller.address is None


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"aud": "00000003-0000-0000-c000-000000000000"}, "another application"),
        ({"aud": f"api://{CLIENT_ID}"}, "another application"),
        ({"iss": f"https://sts.windows.net/{TENANT}/"}, "v2.0 endpoint"),
        ({"iss": f"{AUTHORITY}/{OTHER_TENANT}/v2.0"}, "v2.0 endpoint"),
        ({"tid": OTHER_TENANT}, "tenantIds"),
        ({"tid": None}, "tenantIds"),
        ({"tid": PERSONAL_TENANT}, "Personal"),
        ({"scp": None}, "application"),
        ({"scp": " "}, "application"),
        ({"scp": None, "roles": ["Calendars.ReadWrite"]}, "application"),
        ({"idtyp": "app"}, "application"),
        ({"ver": "1.0"}, "version 2"),
        ({"ver": None}, "version 2"),
        ({"oid": None}, "oid"),
        ({"oid": "anna"}, "GUID"),
        ({"exp": None}, "exp"),
        ({"exp": int(START.timestamp()) - 61}, "expired"),
        ({"nbf": int(START.timestamp()) + 120}, "not valid yet"),
    ],
)
async def test_other_tokens_are_refused_in_words(
    entra: Entra, clock: FakeClock, changes: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(TokenRefused, match=complaint):
        await tokens(entra, clock).verify(entra.sign(claims(**changes)))


@pytest.mark.parametrize("token", ["", "a.b.c", "x" * 20_000, "eyJhbGciOiJSUzI1NiJ9.e30"])
async def test_what_is_no_token_is_refused(entra: Entra, clock: FakeClock, token: str) -> None:
    with pytest.raises(TokenRefused):
        await tokens(entra, clock).verify(token)


async def test_an_unsigned_token_is_refused(entra: Entra, clock: FakeClock) -> None:
    unsigned = jwt.encode(claims(), "", "none", headers={"kid": "k1"})
    with pytest.raises(TokenRefused, match="RS256"):
        await tokens(entra, clock).verify(unsigned)


async def test_a_token_signed_with_the_public_key_as_a_password_is_refused(
    entra: Entra, clock: FakeClock
) -> None:
    symmetric = jwt.encode(claims(), "a secret of at least thirty-two bytes", "HS256", headers={"kid": "k1"})
    with pytest.raises(TokenRefused, match="RS256"):
        await tokens(entra, clock).verify(symmetric)


async def test_a_strangers_signature_under_a_known_key_id_is_refused(entra: Entra, clock: FakeClock) -> None:
    stranger = rsa.generate_private_key(65537, 2048)
    with pytest.raises(TokenRefused, match="signature"):
        await tokens(entra, clock).verify(jwt.encode(claims(), stranger, "RS256", headers={"kid": "k1"}))


async def test_a_configured_scope_must_be_among_the_tokens_scopes(entra: Entra, clock: FakeClock) -> None:
    config = AddinConfig(
        deployment_url=CONFIG.deployment_url,
        unblu_oauth_backend_url=CONFIG.unblu_oauth_backend_url,
        client_id=CLIENT_ID,
        tenant_ids=(TENANT,),
        token_scope=f"api://{CLIENT_ID}/access_as_user",
    )
    verifier = tokens(entra, clock, config)
    assert (await verifier.verify(entra.sign(claims()))).mailbox == ANNA
    with pytest.raises(TokenRefused, match="access_as_user"):
        await verifier.verify(entra.sign(claims(scp="User.Read")))


async def test_a_key_that_is_new_is_fetched_but_not_at_every_strangers_wish(
    entra: Entra, clock: FakeClock
) -> None:
    verifier = tokens(entra, clock)
    await verifier.verify(entra.sign(claims()))
    entra.keys["k2"] = rsa.generate_private_key(65537, 2048)
    try:
        with pytest.raises(TokenRefused, match="does not publish"):
            await verifier.verify(entra.sign(claims(), "k2"))
        assert entra.fetches == 1
        clock.advance(timedelta(minutes=2))
        await verifier.verify(entra.sign(claims(), "k2"))
        assert entra.fetches == 2
    finally:
        del entra.keys["k2"]


async def test_known_keys_go_on_being_used_while_entra_is_down(entra: Entra, clock: FakeClock) -> None:
    verifier = tokens(entra, clock)
    await verifier.verify(entra.sign(claims()))
    entra.down = True
    clock.advance(timedelta(days=2))
    later = int(clock.now().timestamp())
    assert (await verifier.verify(entra.sign(claims(exp=later + 60)))).mailbox == ANNA


async def test_without_any_keys_the_caller_hears_that_entra_is_down(entra: Entra, clock: FakeClock) -> None:
    entra.down = True
    with pytest.raises(ClientError):
        await tokens(entra, clock).verify(entra.sign(claims()))


async def test_who_is_known_does_not_wait_while_entra_is_asked_about_a_stranger(
    entra: Entra, clock: FakeClock
) -> None:
    answers = asyncio.Event()
    answers.set()

    async def slow(request: httpx2.Request) -> httpx2.Response:
        await answers.wait()
        return entra(request)

    client = httpx2.AsyncClient(base_url=CONFIG.authority, transport=httpx2.MockTransport(slow))
    verifier = UserTokens(CONFIG, client, clock)
    await verifier.verify(entra.sign(claims()))
    clock.advance(KEYS_REST)
    answers.clear()
    stranger = jwt.encode(claims(), entra.keys["k1"], "RS256", headers={"kid": "unheard of"})
    strangers = [asyncio.create_task(verifier.verify(stranger)) for _ in range(3)]
    async with asyncio.timeout(5):
        assert (await verifier.verify(entra.sign(claims()))).mailbox == ANNA
    answers.set()
    refusals = await asyncio.gather(*strangers, return_exceptions=True)
    assert [type(each) for each in refusals] == [TokenRefused] * 3
    assert entra.fetches == 2


@pytest.mark.parametrize("known", [True, False])
async def test_while_entra_is_down_it_is_not_asked_again_for_every_token(
    entra: Entra, clock: FakeClock, *, known: bool
) -> None:
    verifier = tokens(entra, clock)
    if known:
        await verifier.verify(entra.sign(claims()))
        clock.advance(timedelta(days=2))
    entra.down, entra.asked = True, 0
    later = int(clock.now().timestamp())
    token = jwt.encode(claims(exp=later + 60), entra.keys["k1"], "RS256", headers={"kid": "unheard of"})
    for _ in range(5):
        with pytest.raises(TokenRefused if known else ClientError):
            await verifier.verify(token)
    assert entra.asked == 1
    entra.down = False
    clock.advance(KEYS_RETRY)
    assert (await verifier.verify(entra.sign(claims(exp=later + 60)))).mailbox == ANNA
    assert entra.fetches == (2 if known else 1)


async def test_what_is_not_even_text_is_refused(entra: Entra, clock: FakeClock) -> None:
    with pytest.raises(TokenRefused):
        await tokens(entra, clock).verify("\udcff.e30.e30")

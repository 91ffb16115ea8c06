import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import httpx2
import pytest

from outlook_addin_core.clients.errors import (
    ClientError,
    CredentialsRefused,
    Denied,
    ServerError,
    Unreachable,
)
from outlook_addin_core.clients.tokens import GatewayTokenSource, TokenSource

TENANT = "84bd8158-6d4d-4958-8b9f-9d6445542f95"
AUTHORITY = f"https://localhost:8443/{TENANT}"
CLIENT = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
SCOPE = "https://graph.microsoft.com/.default"


class FakeEntra:
    """A tenant with one app: discovery and the token endpoint, on a port of its own."""

    def __init__(self) -> None:
        self.secret = "right"
        self.issued = 0
        self.says: Callable[[httpx2.Request], httpx2.Response] | None = None
        self.threads: set[str] = set()

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.threads.add(threading.current_thread().name)
        if self.says is not None:
            return self.says(request)
        assert request.url.host == "localhost"
        assert request.url.port == 8443
        if request.url.path == f"/{TENANT}/v2.0/.well-known/openid-configuration":
            return httpx2.Response(200, json=self._metadata())
        if request.url.path == f"/{TENANT}/oauth2/v2.0/token":
            return self._token({key: value[0] for key, value in parse_qs(request.content.decode()).items()})
        return aadsts(400, 90002, "invalid_tenant")

    def _metadata(self) -> dict[str, str]:
        return {
            "issuer": f"{AUTHORITY}/v2.0",
            "authorization_endpoint": f"{AUTHORITY}/oauth2/v2.0/authorize",
            "token_endpoint": f"{AUTHORITY}/oauth2/v2.0/token",
        }

    def _token(self, form: dict[str, str]) -> httpx2.Response:
        assert (form["grant_type"], form["client_id"]) == ("client_credentials", CLIENT)
        if form["client_secret"] != self.secret:
            return aadsts(401, 7000215, "invalid_client")
        if not form["scope"].endswith("/.default"):
            return aadsts(400, 70011, "invalid_scope")
        self.issued += 1
        body = {"token_type": "Bearer", "expires_in": 3599, "access_token": f"token-{self.issued}"}
        return httpx2.Response(200, json=body)


def aadsts(status: int, number: int, error: str) -> httpx2.Response:
    description = f"AADSTS{number}: In other words.\r\nTrace ID: 1"
    return httpx2.Response(
        status, json={"error": error, "error_description": description, "error_codes": [number]}
    )


def source(entra: FakeEntra, secret: str = "right", **changes: Any) -> TokenSource:
    known: dict[str, Any] = {"authority": AUTHORITY, "client_id": CLIENT, "scope": SCOPE} | changes
    return TokenSource(
        known["authority"], known["client_id"], secret, known["scope"], transport=httpx2.MockTransport(entra)
    )


async def test_a_token_is_asked_for_once_and_kept() -> None:
    entra = FakeEntra()
    tokens = source(entra)
    assert await asyncio.gather(*(tokens.token() for _ in range(5))) == ["token-1"] * 5
    assert entra.issued == 1
    await tokens.aclose()


async def test_the_event_loop_is_not_held_up() -> None:
    entra = FakeEntra()
    await source(entra).token()
    assert threading.current_thread().name not in entra.threads


async def test_a_token_that_was_refused_is_not_given_again() -> None:
    tokens = source(FakeEntra())
    assert await tokens.token() == "token-1"
    tokens.forget()
    assert await tokens.token() == "token-2"
    assert await tokens.token() == "token-2"


async def test_a_rotated_secret_works_at_once_with_a_new_source() -> None:
    entra = FakeEntra()
    with pytest.raises(CredentialsRefused):
        await source(entra, "wrong").token()
    entra.secret = "wrong"
    assert await source(entra, "wrong").token() == "token-1"


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (7000215, "secret is wrong"),
        (7000222, "secret has expired"),
        (700016, "not known in this tenant"),
        (90002, "tenant does not exist"),
        (70011, "scope is not valid"),
        (700027, "assertion"),
        (1234567, "sign-in logs"),
    ],
)
async def test_refusals_say_what_to_do(number: int, words: str) -> None:
    entra = FakeEntra()
    tokens = source(entra)
    await tokens.token()
    tokens.forget()
    entra.says = lambda _: aadsts(401, number, "some_error")
    with pytest.raises(CredentialsRefused, match=words) as caught:
        await tokens.token()
    assert (caught.value.aadsts, caught.value.code) == (number, f"AADSTS{number}")
    assert words in caught.value.remedy
    assert isinstance(caught.value, Denied)


async def test_a_tenant_that_does_not_exist_is_noticed_before_any_token() -> None:
    tokens = source(FakeEntra(), authority="https://localhost:8443/00000000-0000-4000-8000-000000000000")
    with pytest.raises(CredentialsRefused) as caught:
        await tokens.token()
    assert caught.value.aadsts == 90002


async def test_no_secret_is_in_an_error() -> None:
    with pytest.raises(CredentialsRefused) as caught:
        await source(FakeEntra(), "hush-hush").token()
    assert "hush" not in f"{caught.value!r} {caught.value} {caught.value.excerpt}"


def unreachable(_: httpx2.Request) -> httpx2.Response:
    raise httpx2.ConnectError("refused")


@pytest.mark.parametrize(
    ("says", "kind"),
    [
        (unreachable, Unreachable),
        (lambda _: httpx2.Response(503, text="busy"), ServerError),
        (lambda _: httpx2.Response(200, text="<html>"), ClientError),
    ],
)
@pytest.mark.parametrize("first", [True, False], ids=["discovery", "token"])
async def test_an_outage_is_not_a_refusal_and_passes(
    says: Callable[[httpx2.Request], httpx2.Response],
    kind: type[ClientError],
    first: bool,  # noqa: FBT001
) -> None:
    entra = FakeEntra()
    tokens = source(entra)
    if not first:
        await tokens.token()
        tokens.forget()
    entra.says = says
    with pytest.raises(kind) as caught:
        await tokens.token()
    assert not isinstance(caught.value, CredentialsRefused)


async def test_who_waits_while_an_attempt_fails_does_not_wait_for_one_more_each() -> None:
    entra, asked = FakeEntra(), []

    def silent(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        raise httpx2.ConnectTimeout("silence")

    entra.says = silent
    tokens = source(entra)
    outcomes = await asyncio.gather(*(tokens.token() for _ in range(8)), return_exceptions=True)
    assert [type(each) for each in outcomes] == [Unreachable] * 8
    assert len(asked) == 1
    entra.says = None
    assert await tokens.token() == "token-1"


async def test_what_is_counted_of_a_refusal_is_a_word_that_is_known() -> None:
    seen: list[tuple[str, str]] = []
    for error in ("invalid_client", "no anna@bank.example here"):
        entra = FakeEntra()
        tokens = TokenSource(
            AUTHORITY,
            CLIENT,
            "right",
            SCOPE,
            transport=httpx2.MockTransport(entra),
            observe=lambda *what: seen.append(what),
        )
        await tokens.token()
        tokens.forget()
        entra.says = lambda _, error=error: aadsts(400, 7000215, error)
        with pytest.raises(CredentialsRefused):
            await tokens.token()
    assert [outcome for _, outcome in seen] == ["200", "invalid_client", "200", "error"]


class FakeClock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> Any:
        raise AssertionError("nobody asks for this here")

    def monotonic(self) -> float:
        return self.seconds


class FakeGateway:
    def __init__(self) -> None:
        self.issued = 0
        self.says: httpx2.Response | None = None

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if self.says is not None:
            return self.says
        form = {key: value[0] for key, value in parse_qs(request.content.decode()).items()}
        assert form.pop("client_secret") == "secret"
        assert form == {"grant_type": "client_credentials", "client_id": "sync", "scope": "unblu"}
        self.issued += 1
        return httpx2.Response(200, json={"access_token": f"token-{self.issued}", "expires_in": "300"})


def gateway_source(gateway: FakeGateway, clock: FakeClock) -> GatewayTokenSource:
    return GatewayTokenSource(
        "https://id.example/token",
        "sync",
        "secret",
        "unblu",
        clock=clock,
        transport=httpx2.MockTransport(gateway),
    )


async def test_a_gateway_token_is_kept_until_a_minute_before_it_expires() -> None:
    gateway, clock = FakeGateway(), FakeClock()
    tokens = gateway_source(gateway, clock)
    assert set(await asyncio.gather(tokens.token(), tokens.token())) == {"token-1"}
    clock.seconds = 239
    assert await tokens.token() == "token-1"
    clock.seconds = 240
    assert await tokens.token() == "token-2"
    tokens.forget()
    assert await tokens.token() == "token-3"
    await tokens.aclose()


@pytest.mark.parametrize("status", [400, 401, 403])
async def test_a_gateway_that_refuses_us_says_so(status: int) -> None:
    gateway = FakeGateway()
    gateway.says = httpx2.Response(status, json={"error": "invalid_client", "error_description": "unknown"})
    with pytest.raises(CredentialsRefused, match="not accepted"):
        await gateway_source(gateway, FakeClock()).token()


@pytest.mark.parametrize(
    "answer", [httpx2.Response(500), httpx2.Response(200, json={}), httpx2.Response(200)]
)
async def test_a_gateway_that_fails_is_not_a_refusal(answer: httpx2.Response) -> None:
    gateway = FakeGateway()
    gateway.says = answer
    with pytest.raises(ServerError):
        await gateway_source(gateway, FakeClock()).token()


async def test_what_entra_answers_is_counted_under_few_words() -> None:
    entra, counted = FakeEntra(), []

    async def ask(secret: str) -> None:
        tokens = TokenSource(
            AUTHORITY,
            CLIENT,
            secret,
            SCOPE,
            transport=httpx2.MockTransport(entra),
            observe=lambda operation, outcome: counted.append((operation, outcome)),
        )
        with contextlib.suppress(ClientError):
            await tokens.token()

    await ask("right")
    await ask("wrong")
    entra.says = lambda request: entra_says(entra, request)
    await ask("right")
    assert counted == [("entra.token", outcome) for outcome in ("200", "invalid_client", "error")]


def entra_says(entra: FakeEntra, request: httpx2.Request) -> httpx2.Response:
    """Refuse in words that nobody has foreseen."""
    if request.method == "GET":
        return httpx2.Response(200, json=entra._metadata())
    return httpx2.Response(400, json={"error": "trace 0815 at 12:31:07", "error_description": "x"})

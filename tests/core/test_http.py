import contextlib
import ssl
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlook_addin_core.clients import errors
from outlook_addin_core.clients.answers import parse_retry_after
from outlook_addin_core.clients.certificates import add_authorities
from outlook_addin_core.clients.http import make_client, read_object, request, trust

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"


class Token:
    def __init__(self) -> None:
        self.value = TOKEN

    async def token(self) -> str:
        return self.value

    def forget(self) -> None:
        self.value = "new"


async def ask(answer: httpx2.Response | Exception, token: Token | None = None) -> httpx2.Response:
    def handler(_: httpx2.Request) -> httpx2.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer

    async with make_client(
        base_url="https://graph.example", transport=httpx2.MockTransport(handler)
    ) as client:
        return await request(client, "GET", "/x", operation="test.get", token_source=token)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, errors.Rejected),
        (400, errors.Rejected),
        (401, errors.Unauthorized),
        (403, errors.Denied),
        (404, errors.NotFound),
        (409, errors.Conflict),
        (410, errors.Rejected),
        (429, errors.Throttled),
        (500, errors.ServerError),
        (503, errors.ServerError),
        (509, errors.Throttled),
    ],
)
async def test_every_status_has_its_error(status: int, kind: type[errors.ClientError]) -> None:
    body = {"error": {"code": "Some", "message": "what the service says"}}
    with pytest.raises(errors.ClientError) as caught:
        await ask(httpx2.Response(status, json=body))
    assert type(caught.value) is kind
    assert caught.value.code == "Some"
    assert caught.value.excerpt == "what the service says"
    assert caught.value.operation == "test.get"


@pytest.mark.parametrize(
    ("body", "code", "excerpt"),
    [
        ({"error": "invalid_client", "error_description": "no"}, "invalid_client", "no"),
        ({"errorMessage": "gone", "statusCode": 404, "statusDescription": "Not Found"}, "Not Found", "gone"),
        ({"error": {"code": 7}}, None, ""),
        ({}, None, ""),
        (["list"], None, '["list"]'),
    ],
)
async def test_the_services_say_what_is_wrong_in_different_ways(
    body: object, code: str, excerpt: str
) -> None:
    with pytest.raises(errors.NotFound) as caught:
        await ask(httpx2.Response(404, json=body))
    assert (caught.value.code, caught.value.excerpt) == (code, excerpt)


async def test_an_overloaded_service_that_says_how_long_is_throttling() -> None:
    with pytest.raises(errors.Throttled) as caught:
        await ask(httpx2.Response(503, headers={"Retry-After": "7"}, text="busy"))
    assert caught.value.retry_after == timedelta(seconds=7)


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (httpx2.ReadTimeout("x"), "graph.example did not answer in time"),
        (httpx2.ConnectError("refused"), "graph.example cannot be reached"),
        (
            httpx2.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed"),
            "not trusted; add its authority",
        ),
        (httpx2.ProxyError("407"), "the proxy did not let us through to graph.example"),
        (httpx2.InvalidURL("x"), "graph.example cannot be reached"),
    ],
)
async def test_no_answer_names_the_host_and_what_to_look_at(failure: Exception, words: str) -> None:
    with pytest.raises(errors.Unreachable, match=words):
        await ask(failure)


async def test_outcomes_are_told_to_the_observer() -> None:
    seen: list[tuple[str, str]] = []
    answers = iter([httpx2.Response(200), httpx2.Response(404)])
    transport = httpx2.MockTransport(lambda _: next(answers))
    async with make_client(base_url="https://graph.example", transport=transport) as client:
        for _ in range(2):
            with contextlib.suppress(errors.NotFound):
                await request(client, "GET", "/", operation="a", observe=lambda *what: seen.append(what))
    assert seen == [("a", "200"), ("a", "404")]


async def test_a_refused_token_is_forgotten() -> None:
    token = Token()
    with pytest.raises(errors.Unauthorized):
        await ask(httpx2.Response(401), token)
    assert token.value == "new"


async def test_errors_hold_no_tokens_addresses_or_long_texts() -> None:
    text = f"Bearer abc.def client_secret=hush&x {TOKEN} anna@bank.example " + "long " * 100
    with pytest.raises(errors.Denied) as caught:
        await ask(httpx2.Response(403, text=text), Token())
    shown = f"{caught.value!r} {caught.value} {caught.value.excerpt}"
    assert not any(secret in shown for secret in ("abc.def", "hush", "eyJ", "anna", "bank.example"))
    assert len(caught.value.excerpt) == 256


@pytest.mark.parametrize("code", ["Long" * 20_000, "for anna@bank.example", f"because {TOKEN}"])
async def test_a_code_is_short_and_says_nothing_about_a_person(code: str) -> None:
    with pytest.raises(errors.Denied) as caught:
        await ask(httpx2.Response(403, json={"error": {"code": code, "message": "no"}}))
    shown = f"{caught.value} {caught.value.code}"
    assert len(caught.value.code or "") <= 64
    assert not any(secret in shown for secret in ("anna", "bank.example", TOKEN))


def test_an_excerpt_is_one_line() -> None:
    assert errors.redact("AADSTS1: no.\r\nTrace ID: 2\n") == "AADSTS1: no. Trace ID: 2"


@given(st.text())
def test_an_excerpt_is_never_longer_than_256_characters(text: str) -> None:
    assert len(errors.redact(text)) <= 256


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", timedelta()),
        ("120", timedelta(minutes=2)),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), timedelta(seconds=90)),
        (format_datetime(NOW - timedelta(seconds=90), usegmt=True), timedelta()),
        ("99999999999999999999", timedelta(days=1)),
        ("9" * 5000, timedelta(days=1)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", timedelta(days=1)),
        ("", None),
        ("-1", None),
        ("soon", None),
        ("²", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, expected: timedelta | None) -> None:
    headers = {"Retry-After": text, "Date": format_datetime(NOW, usegmt=True)}
    assert parse_retry_after(headers) == expected


@pytest.mark.parametrize("text", ["", "no", "[]", "null"])
async def test_an_answer_that_is_no_object_is_an_error_of_the_server(text: str) -> None:
    with pytest.raises(errors.ServerError):
        read_object(await ask(httpx2.Response(200, text=text)), "test.get")


def test_a_bundle_is_trusted_in_addition(authority: str) -> None:
    system, both = trust(None), trust(f"# Főtanúsítvány\n{authority}")
    assert both.cert_store_stats()["x509_ca"] == system.cert_store_stats()["x509_ca"] + 1
    assert both.verify_mode is ssl.CERT_REQUIRED
    assert both.check_hostname


def test_authorities_after_marks_of_byte_order_are_trusted_too() -> None:
    """Editors write them, and files that are put together have several."""
    system = trust(None)
    two = [ssl.DER_cert_to_PEM_cert(each) for each in system.get_ca_certs(binary_form=True)[:2]]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    add_authorities(context, "".join(f"\ufeff{each}" for each in two))
    assert context.cert_store_stats()["x509_ca"] == len(two)


def test_hundreds_of_tenants_share_what_they_trust() -> None:
    authorities = [ssl.DER_cert_to_PEM_cert(each) for each in trust(None).get_ca_certs(binary_form=True)[:2]]
    first = trust(authorities[0])
    assert trust(authorities[0]) is first
    assert trust(None) is not first
    assert trust("".join(authorities)) is not first

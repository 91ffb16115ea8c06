"""When it is told that credentials end, and who tells."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from certificates import KeyPair, key_pair
from operator_.test_objects import CLIENT, addin, pod, variables
from outlook_addin_core.clients.errors import Denied
from outlook_addin_core.clients.graph_applications import GraphApplications, RegisteredSecret, end_of
from outlook_addin_core.domain.credential_expiry import step
from outlook_addin_operator.addin.expiry import Expiry
from outlook_addin_operator.addin.plan import Observed, plan
from outlook_addin_operator.addin.spec import AddinView
from outlook_addin_operator.addin.status import Outcome, compose
from outlook_addin_operator.credentials import Credentials, interpret
from outlook_addin_operator.events import transitions
from outlook_addin_operator.graph_access import GraphAccessCache
from outlook_addin_operator.inventory import Counts

NOW = datetime(2026, 11, 1, tzinfo=UTC)
END = NOW + timedelta(days=60)


@pytest.fixture(scope="module")
def pair() -> KeyPair:
    return key_pair(timedelta(days=10))


def secret(**values: str) -> dict[str, Any]:
    data = {key.replace("_crt", ".crt").replace("_key", ".key"): value for key, value in values.items()}
    return {"data": {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}}


GATEWAY = {"SYNCSERVER_AUTH_GATEWAY_CLIENT_SECRET": "two"}
PLAIN = secret(CLIENT_SECRET="abcdef", **GATEWAY)


class Clock:
    def __init__(self) -> None:
        self.moment = NOW

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()


@pytest.mark.parametrize(
    ("left", "reached"),
    [
        (timedelta(days=31), None),
        (timedelta(days=30), 30),
        (timedelta(days=15), 30),
        (timedelta(days=14), 14),
        (timedelta(days=7), 7),
        (timedelta(hours=24), 1),
        (timedelta(seconds=1), 1),
        (timedelta(0), 0),
        (timedelta(days=-9), 0),
    ],
)
def test_it_is_told_at_thirty_fourteen_seven_and_one_days(left: timedelta, reached: int | None) -> None:
    assert step(NOW + left, NOW) == reached


def told(view: AddinView, credentials: Credentials, expires: datetime, now: datetime) -> dict[str, Any]:
    body = {"metadata": {"generation": 1, "name": "desk"}, "spec": {}}
    observed = Observed(body, view, credentials, {}, expires=expires)
    made = plan(observed, image="web:1", new_key=bytes(32))
    return compose(observed, made, Outcome(None, None, (), (), Counts(0, 0, 0)), now)


def test_each_step_is_an_event_and_between_the_steps_nothing_changes() -> None:
    view = addin(sync=True)
    credentials = interpret(view, PLAIN, None, None)
    events, before = [], told(view, credentials, END, NOW)
    for day in range(62):
        after = told(view, credentials, END, NOW + timedelta(days=day))
        notes = transitions(before["conditions"], after["conditions"])
        events += [(day, note.reason, note.warning) for note in notes]
        before = after
    assert events == [
        (30, "ExpiresWithin30Days", True),
        (46, "ExpiresWithin14Days", True),
        (53, "ExpiresWithin7Days", True),
        (59, "ExpiresWithin1Day", True),
        (60, "Expired", True),
    ]
    [warning] = [item for item in before["conditions"] if item["type"] == "CredentialsExpiring"]
    assert warning["message"].startswith("The client secret ended at 2026-12-31T00:00:00Z; make a new one")
    assert before["clientSecretExpirationTime"] == "2026-12-31T00:00:00Z"


async def test_a_certificate_tells_its_end_and_needs_neither_graph_nor_the_spec(pair: KeyPair) -> None:
    view = addin(sync=True, credentials={"type": "Certificate", "expirationTime": "2030-01-01T00:00:00Z"})
    found = interpret(view, secret(**GATEWAY), None, None, secret(tls_crt=pair.certificate, tls_key=pair.key))
    expires = await Expiry(None, Clock()).of(view, found)
    assert expires is not None
    assert timedelta(days=9) < expires - datetime.now(UTC) < timedelta(days=10)


async def test_the_spec_tells_where_nobody_else_does() -> None:
    view = addin(sync=True, credentials={"expirationTime": "2030-01-01T00:00:00Z"})
    known = await Expiry(None, Clock()).of(view, interpret(view, PLAIN, None, None))
    assert known == datetime(2030, 1, 1, tzinfo=UTC)
    silent = addin(sync=True)
    assert await Expiry(None, Clock()).of(silent, interpret(silent, PLAIN, None, None)) is None
    off = addin(credentials={"expirationTime": "2030-01-01T00:00:00Z"})
    assert await Expiry(None, Clock()).of(off, interpret(off, PLAIN, None, None)) is None


async def test_with_workload_identity_nothing_ends() -> None:
    left_over = {"type": "WorkloadIdentity", "expirationTime": "2026-11-02T00:00:00Z"}
    view = addin(sync=True, credentials=left_over)
    assert await Expiry(None, Clock()).of(view, interpret(view, secret(**GATEWAY), None, None)) is None


class Token:
    async def token(self) -> str:
        return "t"


class Registration:
    """Graph's answer about the app registration."""

    def __init__(self) -> None:
        self.asked: list[httpx2.URL] = []
        self.status = 200

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request.url)
        if self.status != 200:
            return httpx2.Response(self.status, json={"error": {"code": "Authorization_RequestDenied"}})
        ends = {"abc": "2027-03-01T00:00:00Z", "xyz": "2026-12-01T00:00:00.1234567Z"}
        keys = [{"hint": hint, "endDateTime": end, "secretText": None} for hint, end in ends.items()]
        return httpx2.Response(200, json={"passwordCredentials": keys})


def applications(registration: Registration) -> GraphApplications:
    client = httpx2.AsyncClient(base_url="https://graph", transport=httpx2.MockTransport(registration))
    return GraphApplications(client, Token())


async def test_graph_tells_the_end_of_the_secret_that_is_used() -> None:
    registration = Registration()
    registered = await applications(registration).secrets(CLIENT)
    assert end_of("abcdef", registered) == datetime(2027, 3, 1, tzinfo=UTC)
    assert end_of("unknown", registered) is None
    [url] = registration.asked
    assert url.path == f"/v1.0/applications(appId='{CLIENT}')"
    assert url.params["$select"] == "passwordCredentials"


def test_of_two_secrets_that_begin_alike_the_first_end_counts() -> None:
    early, late = (RegisteredSecret("abc", NOW + timedelta(days=days)) for days in (1, 9))
    assert end_of("abcdef", [late, early]) == early.expires


async def test_without_the_permission_graph_says_no_and_the_spec_tells(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    registration, clock = Registration(), Clock()
    registration.status = 403
    with pytest.raises(Denied):
        await applications(registration).secrets(CLIENT)
    cache = GraphAccessCache(clock, lambda _operation, _outcome: None)
    view = addin(sync=True, credentials={"expirationTime": "2030-01-01T00:00:00Z"})
    credentials = interpret(view, PLAIN, None, None)
    access = cache.get(view, view.config.tenant_ids[0], credentials)
    monkeypatch.setattr(access, "applications", applications(registration))
    expiry, spec_says = Expiry(cache, clock), datetime(2030, 1, 1, tzinfo=UTC)
    asked = len(registration.asked)
    assert [await expiry.of(view, credentials) for _ in range(3)] == [spec_says] * 3
    assert len(registration.asked) == asked + 1
    registration.status = 200
    clock.moment += timedelta(hours=6)
    graph_says = datetime(2027, 3, 1, tzinfo=UTC)
    assert await expiry.of(view, credentials) == graph_says
    registration.status = 503
    clock.moment += timedelta(hours=6)
    assert await expiry.of(view, credentials) == graph_says, "its last word stands while it cannot be asked"
    registration.status = 200
    rotated = interpret(view, secret(CLIENT_SECRET="xyz123", **GATEWAY), None, None)
    access = cache.get(view, view.config.tenant_ids[0], rotated)
    monkeypatch.setattr(access, "applications", applications(registration))
    found = await expiry.of(view, rotated)
    assert found is not None
    assert found.date().isoformat() == "2026-12-01"
    await cache.aclose()


@pytest.mark.parametrize(
    ("sentence", "kind", "main", "certificate", "reason", "words"),
    [
        (
            "a secret needs both",
            "ClientSecret",
            secret(CLIENT_SECRET="x"),
            None,
            "SecretKeyMissing",
            "GATEWAY",
        ),
        ("an identity needs only the gateway's", "WorkloadIdentity", secret(**GATEWAY), None, None, ""),
        ("but that", "WorkloadIdentity", None, None, "SecretNotFound", "SYNCSERVER"),
        ("a certificate its own", "Certificate", secret(**GATEWAY), None, "SecretNotFound", "Secret tls "),
        ("whole", "Certificate", secret(**GATEWAY), secret(tls_crt="x"), "SecretKeyMissing", "tls.key"),
        (
            "and readable",
            "Certificate",
            secret(**GATEWAY),
            secret(tls_crt="x", tls_key="y"),
            "CertificateInvalid",
            "Secret tls cannot be used: tls.crt is no PEM certificate",
        ),
    ],
)
def test_what_is_missing_depends_on_the_kind_of_credential(  # noqa: PLR0917 - a table
    sentence: str,
    kind: str,
    main: dict[str, Any] | None,
    certificate: dict[str, Any] | None,
    reason: str | None,
    words: str,
) -> None:
    view = addin(sync=True, credentials={"type": kind, "certificateRef": {"name": "tls"}})
    problem = interpret(view, main, None, None, certificate).problem
    assert (problem.reason if problem else None) == reason, sentence
    assert problem is None or words in problem.message


def test_a_certificate_reaches_the_pod_as_files_and_never_as_variables() -> None:
    view = addin(sync=True, credentials={"type": "Certificate", "certificateRef": {"name": "tls"}})
    [container] = pod(view)["containers"]
    assert container["envFrom"] == []
    assert variables(view)["CLIENT_CERTIFICATE_DIR"] == "/etc/outlook-addin/certificate"
    assert variables(view)["SYNCSERVER_AUTH_GATEWAY_CLIENT_SECRET"]["secretKeyRef"]["name"] == (
        "outlook-addin-secrets"
    )
    [volume] = [item for item in pod(view)["volumes"] if item["name"] == "certificate"]
    assert volume["secret"]["secretName"] == "tls"


def test_workload_identity_gives_the_pod_a_token_for_entra_alone() -> None:
    view = addin(sync=True, credentials={"type": "WorkloadIdentity"})
    [volume] = [item for item in pod(view)["volumes"] if item["name"] == "entra"]
    [source] = volume["projected"]["sources"]
    assert source["serviceAccountToken"]["audience"] == "api://AzureADTokenExchange"
    [container] = pod(view)["containers"]
    [mount] = [item for item in container["volumeMounts"] if item["name"] == "entra"]
    assert variables(view)["AZURE_FEDERATED_TOKEN_FILE"] == f"{mount['mountPath']}/token"
    assert "CLIENT_SECRET" not in str(container["env"]).replace("GATEWAY_CLIENT_SECRET", "")

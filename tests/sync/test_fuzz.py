"""Whatever comes in from outside: no exception escapes, and no other 5xx than 503 goes out."""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx2
import jwt
import pytest
from hypothesis import strategies as st

from outlook_addin_core.clients.errors import ClientError
from outlook_addin_core.clients.graph_events import GraphEvents
from outlook_addin_core.clients.unblu import Unblu
from outlook_addin_core.domain import client_state
from outlook_addin_core.domain.config import AddinConfig, ConfigError
from outlook_addin_core.domain.conversations import Conversation
from outlook_addin_core.domain.events import Event, Gone
from outlook_addin_core.domain.links import parse_link
from outlook_addin_core.domain.mailbox import Mailbox
from sync.seasons import fuzz
from sync.stage import KEY, Stage
from sync.virtual import run
from sync.wire import Answer, call

ANNA = Mailbox("11111111-1111-4111-8111-111111111111", "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa")
ADDIN = "33333333-3333-4333-8333-333333333333"
NOTIFICATIONS = "/addin/graph/notifications?installation=x"

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=40)
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=12), inner, max_size=5),
    max_leaves=20,
)
DEEP = st.integers(1, 30_000).map(lambda depth: b"[" * depth + b"]" * depth)


def like(example: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return objects with the members of an example, each of them as it is, wild, or missing."""
    members = {name: st.just(value) | JSON for name, value in example.items()}
    return st.fixed_dictionaries({}, optional=members)


def written(value: Any) -> bytes:
    return json.dumps(value).encode()


ITEM = {
    "subscriptionId": "subscription",
    "subscriptionExpirationDateTime": "2027-03-25T11:00:00.2257768+00:00",
    "tenantId": ANNA.tenant_id,
    "clientState": client_state.issue(KEY, ANNA),
    "changeType": "updated",
    "lifecycleEvent": "missed",
    "resource": "Users/x/Events/y",
    "resourceData": {"id": "y", "@odata.etag": "W/1"},
}
BODIES = st.one_of(
    st.binary(max_size=200),
    DEEP,
    JSON.map(written),
    st.lists(like(ITEM) | JSON, max_size=6).map(lambda items: written({"value": items})),
)


@fuzz(st.lists(BODIES, min_size=1, max_size=5))
def test_no_delivery_makes_the_server_fail(bodies: list[bytes]) -> None:
    async def deliver() -> list[int]:
        async with Stage.open() as stage:
            return [(await posted(stage, NOTIFICATIONS, body)).status for body in bodies]

    assert set(run(deliver())) <= {202, 400, 413, 503}


@fuzz(st.lists(like(ITEM) | JSON, max_size=6), st.lists(like(ITEM) | JSON, max_size=6))
def test_a_genuine_item_is_accepted_whatever_stands_beside_it(before: list[Any], after: list[Any]) -> None:
    async def deliver() -> tuple[int, float]:
        async with Stage.open() as stage:
            mailbox = stage.mailbox(stage.agents[0])
            genuine = {
                **{name: ITEM[name] for name in ("subscriptionId", "changeType", "resourceData")},
                "tenantId": mailbox.tenant_id,
                "clientState": client_state.issue(KEY, mailbox),
            }
            answer = await posted(stage, NOTIFICATIONS, written({"value": [*before, genuine, *after]}))
            metrics = stage.replicas[0].metrics.registry
            labels = {"kind": "change", "outcome": "accepted"}
            return answer.status, metrics.get_sample_value("outlook_addin_notifications_total", labels) or 0.0

    status, accepted = run(deliver())
    assert (status, accepted >= 1) == (202, True)


@fuzz(st.text(max_size=300) | st.just("x" * 5_000) | st.just("<script>alert(1)</script>"))
def test_the_handshake_gives_back_what_it_got_as_plain_text_or_refuses(token: str) -> None:
    async def shake() -> Answer:
        async with Stage.open() as stage:
            encoded = quote(token.encode("utf-8", "replace"), safe="")
            return await posted(stage, f"{NOTIFICATIONS}&validationToken={encoded}", b"")

    answer = run(shake())
    if answer.status == 200:
        assert answer.body.decode() == token.encode("utf-8", "replace").decode()
    else:
        assert answer.status == 400
    assert answer.content_type == "text/plain"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


CLAIMS = {
    "aud": "",
    "iss": "",
    "tid": "",
    "oid": ANNA.user_id,
    "exp": 9e9,
    "nbf": 1,
    "ver": "2.0",
    "scp": "access_as_user",
    "idtyp": "user",
    "preferred_username": "anna@bank.example",
}


@fuzz(st.text(max_size=200) | st.binary(max_size=60).map(bytes.hex), like(CLAIMS), like({"alg": "RS256"}))
def test_no_bearer_token_makes_the_server_fail(
    text: str, claims: dict[str, Any], header: dict[str, Any]
) -> None:
    async def ask() -> list[int]:
        async with Stage.open() as stage:
            tokens = stage.world.entra.tokens
            real = {"aud": stage.config.client_id, "tid": stage.world.tenant_id}
            real["iss"] = tokens.issuer(stage.world.tenant_id)
            filled = {name: real.get(name, value) if value == "" else value for name, value in claims.items()}
            kid = tokens.key_set()["keys"][0]["kid"]
            signed = jwt.api_jws.encode(written(filled), tokens._key, "RS256", {"kid": kid})
            odd = jwt.utils.base64url_encode(written(header)).decode() + "." + signed.partition(".")[2]
            safe = text.encode("ascii", "replace").decode().replace("\n", " ").replace("\r", " ")
            headers = [{"Authorization": f"Bearer {each}"} for each in (signed, odd, safe)]
            answers = [await asked(stage, "PUT", each) for each in headers]
            return [each.status for each in answers]

    assert set(run(ask())) <= {200, 401, 403, 429, 503}


EVENT = {
    "id": "event",
    "@odata.etag": 'W/"1"',
    "subject": "Review",
    "start": {"dateTime": "2027-03-25T09:00:00.0000000", "timeZone": "UTC"},
    "end": {"dateTime": "9999-12-31T23:59:59.9999999", "timeZone": "tzone://Microsoft/Custom"},
    "isAllDay": True,
    "isCancelled": False,
    "sensitivity": "private",
    "type": "seriesMaster",
    "isOrganizer": True,
    "seriesMasterId": None,
    "originalStartTimeZone": "W. Europe Standard Time",
    "calendar": {"id": "calendar"},
    "singleValueExtendedProperties": [
        {"id": f"String {{00020329-0000-0000-c000-000000000046}} Name cecp-{ADDIN}", "value": '{"v":1}'}
    ],
}
TIMES = st.fixed_dictionaries(
    {},
    optional={
        "dateTime": st.datetimes().map(str) | st.sampled_from(["0001-01-01T00:00:00", "24:00"]) | JSON,
        "timeZone": st.sampled_from(["UTC", "Romance Standard Time", "../../etc/passwd", ""]) | JSON,
    },
)


@fuzz(like(EVENT) | JSON, TIMES)
async def test_no_event_that_graph_could_show_makes_the_client_fail(
    event: Any, times: dict[str, Any]
) -> None:
    body = {**event, "start": times} if isinstance(event, dict) and times else event
    events = GraphEvents(answering(body), Token(), ADDIN)
    try:
        found = await events.get(ANNA, "event")
    except ClientError:
        return
    assert isinstance(found, Event | Gone)


CONVERSATION = {
    "id": "conversation",
    "state": "CREATED",
    "topic": "Review",
    "scheduledTimestamp": 1_800_000_000_000,
    "creationTimestamp": 1_800_000_000_000,
    "sourceId": "outlook:a:b:c:d",
    "participants": [{"personId": "anna", "participationType": "ASSIGNED_AGENT", "state": "ACTIVE"}],
    "externalParticipants": [],
    "links": [{"type": "OPEN_PUBLIC_LINK", "url": "https://unblu.example/c/1"}],
    "metadata": {"$_version": "1", "outlook-addin.event-id": "event", "outlook-addin.first-seen": "now"},
}


@fuzz(like(CONVERSATION) | JSON)
async def test_no_conversation_that_unblu_could_show_makes_the_client_fail(conversation: Any) -> None:
    unblu = Unblu(answering(conversation), Token())
    try:
        found = await unblu.read("conversation")
    except ClientError:
        return
    assert isinstance(found, Conversation)


PROPERTIES = st.one_of(
    st.text(max_size=80),
    JSON.map(json.dumps),
    DEEP.map(bytes.decode),
    like({"v": 1, "uuid": "5a5a5a5a-1111-4111-8111-5a5a5a5a5a5a"}).map(json.dumps),
)


@fuzz(PROPERTIES)
def test_custom_properties_hold_a_link_or_none(text: str) -> None:
    assert isinstance(parse_link(text), UUID | None)


@fuzz(st.text(max_size=100) | st.binary(max_size=64).map(bytes.hex))
def test_only_what_was_issued_is_a_client_state(text: str) -> None:
    assert client_state.verify([KEY], text) is None


ADDIN_JSON = {
    "deploymentUrl": "https://outlook.bank.example",
    "unbluOAuthBackendUrl": "https://unblu.bank.example/gateway",
    "clientId": ADDIN,
    "authority": "https://login.microsoftonline.com/common",
    "tenantIds": [ANNA.tenant_id],
    "syncServerEnabled": True,
    "syncServerAuthGatewayClientId": ADDIN,
    "syncServerSubscriptionExpiration": "518400000",
    "syncServerPollingCronInterval": "*/1 * * * *",
    "syncServerDeletionGracePeriod": str(int(timedelta(minutes=5).total_seconds() * 1000)),
    "logLevel": "info",
    "frameAncestors": ["https://outlook.office.com"],
}


@fuzz(st.one_of(st.binary(max_size=60), DEEP, JSON.map(written), like(ADDIN_JSON).map(written)))
def test_addin_json_is_used_or_refused_in_a_sentence(text: bytes) -> None:
    try:
        config = AddinConfig.from_json(text)
    except ConfigError as error:
        assert str(error)  # noqa: PT017 - either outcome is good
        return
    assert AddinConfig.from_json(config.to_json()) == config


@fuzz(
    st.sampled_from([200, 404, 429, 503]),
    st.binary(max_size=60) | DEEP,
    st.text("0123456789-:, GMTMon", max_size=30),
)
async def test_no_answer_of_a_service_makes_its_client_fail(status: int, body: bytes, wait: str) -> None:
    headers = {"Content-Type": "application/json", "Retry-After": wait}
    transport = httpx2.MockTransport(lambda _: httpx2.Response(status, content=body, headers=headers))
    client = httpx2.AsyncClient(transport=transport, base_url="https://service.example", trust_env=False)
    with pytest.raises(ClientError):
        await Unblu(client, Token()).read("conversation")


class Token:
    """Somebody's token."""

    async def token(self) -> str:
        return "token"


def answering(body: Any) -> httpx2.AsyncClient:
    """Return a client that always gets one answer."""
    content = written(body)
    headers = {"Content-Type": "application/json"}
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, content=content, headers=headers))
    return httpx2.AsyncClient(transport=transport, base_url="https://service.example", trust_env=False)


async def posted(stage: Stage, path: str, body: bytes) -> Answer:
    app = stage.pick()
    assert app is not None
    return await call(app, "POST", path, {"Content-Type": "application/json"}, body)


async def asked(stage: Stage, method: str, headers: dict[str, str]) -> Answer:
    app = stage.pick()
    assert app is not None
    return await call(app, method, "/addin/api/mailbox", headers)


@pytest.mark.parametrize("path", ["/addin/graph/notifications", "/addin/graph/lifecycle"])
def test_a_delivery_that_is_too_large_is_refused_and_the_server_lives_on(path: str) -> None:
    async def deliver() -> list[int]:
        async with Stage.open() as stage:
            huge = await posted(stage, path, b" " * 2 * 1024 * 1024)
            return [huge.status, (await posted(stage, path, b'{"value":[]}')).status]

    assert run(deliver()) == [413, 202]

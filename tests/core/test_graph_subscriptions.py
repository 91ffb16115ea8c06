import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import Any

import httpx2
import pytest

from outlook_addin_core.clients.errors import Conflict, NotFound, Rejected, ServerError
from outlook_addin_core.clients.graph_subscriptions import GraphSubscriptions, Subscription
from outlook_addin_core.clients.http import make_client
from outlook_addin_core.domain.mailbox import Mailbox

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
MAILBOX = Mailbox("84bd8158-6d4d-4958-8b9f-9d6445542f95", "622eaaff-0683-4862-9de4-f2ec83c2bd98")
OTHER = Mailbox(MAILBOX.tenant_id, "722eaaff-0683-4862-9de4-f2ec83c2bd98")
URL = "https://outlook.bank.example/addin/graph/notifications?installation=1"


class Token:
    async def token(self) -> str:
        return "token"


class FakeGraph:
    """Subscriptions as Graph keeps them: granted for an hour at most, unique per resource, two to a page."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}
        self.says: httpx2.Response | Iterator[httpx2.Response] | None = None
        self.next_host = "https://graph.example"

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if (
            request.headers["Authorization"] != "Bearer token"
            or "ImmutableId" not in request.headers["Prefer"]
        ):
            return _error(401, "InvalidAuthenticationToken", "no")
        if self.says is not None:
            return self.says if isinstance(self.says, httpx2.Response) else next(self.says)
        _, version, collection, *rest = request.url.path.split("/")
        assert (version, collection) == ("v1.0", "subscriptions")
        return self._one(request, rest[0]) if rest else self._all(request)

    def _all(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "POST":
            return self._create(json.loads(request.content))
        start = int(request.url.params.get("$skiptoken", "0"))
        page: dict[str, Any] = {"value": list(self.rows.values())[start : start + 2]}
        if start + 2 < len(self.rows):
            page["@odata.nextLink"] = f"{self.next_host}/v1.0/subscriptions?$skiptoken={start + 2}"
        return httpx2.Response(200, json=page)

    def _create(self, body: dict[str, Any]) -> httpx2.Response:
        for identity, row in self.rows.items():
            if (row["resource"], row["changeType"]) == (body["resource"], body["changeType"]):
                message = f"Subscription Id {identity} already exists for the requested combination"
                return _error(409, "ObjectIdentifierInUse", message)
        identity = f"00000000-0000-4000-8000-{len(self.rows):012}"
        self.rows[identity] = body | {"id": identity} | _granted(body)
        return httpx2.Response(201, json=self.rows[identity] | {"clientState": None})

    def _one(self, request: httpx2.Request, identity: str) -> httpx2.Response:
        if identity not in self.rows:
            return _error(404, "ResourceNotFound", "The object was not found.")
        if request.method == "DELETE":
            del self.rows[identity]
            return httpx2.Response(204)
        if request.method == "PATCH":
            body = json.loads(request.content)
            self.rows[identity] |= body | (_granted(body) if "expirationDateTime" in body else {})
        return httpx2.Response(200, json=self.rows[identity])


def _granted(body: dict[str, Any]) -> dict[str, str]:
    granted = min(datetime.fromisoformat(body["expirationDateTime"]), NOW + timedelta(hours=1))
    return {"expirationDateTime": granted.strftime("%Y-%m-%dT%H:%M:%S.1234567Z")}


def _error(status: int, code: str, message: str) -> httpx2.Response:
    return httpx2.Response(status, json={"error": {"code": code, "message": message, "innerError": {}}})


@pytest.fixture
def graph() -> FakeGraph:
    return FakeGraph()


@pytest.fixture
async def subscriptions(graph: FakeGraph) -> AsyncIterator[GraphSubscriptions]:
    async with make_client(base_url="https://graph.example", transport=httpx2.MockTransport(graph)) as client:
        yield GraphSubscriptions(client, Token())


async def create(subscriptions: GraphSubscriptions, mailbox: Mailbox = MAILBOX) -> Subscription:
    return await subscriptions.create(
        mailbox,
        notification_url=URL,
        lifecycle_url=f"{URL}&lifecycle",
        client_state="proof",
        expiration=NOW + timedelta(days=6),
    )


async def test_a_subscription_is_what_was_granted(
    graph: FakeGraph, subscriptions: GraphSubscriptions
) -> None:
    subscription = await create(subscriptions)
    assert subscription.expiration == NOW + timedelta(hours=1, microseconds=123456)
    assert subscription.resource == MAILBOX.resource
    row = graph.rows[subscription.id]
    assert row["changeType"] == "created,updated,deleted"
    assert (row["notificationUrl"], row["lifecycleNotificationUrl"]) == (URL, f"{URL}&lifecycle")
    assert row["clientState"] == "proof"


async def test_a_second_one_is_a_conflict_that_names_the_first(subscriptions: GraphSubscriptions) -> None:
    first = await create(subscriptions)
    with pytest.raises(Conflict) as caught:
        await create(subscriptions)
    assert caught.value.existing_id == first.id


async def test_a_conflict_that_names_nothing_has_no_id(
    graph: FakeGraph, subscriptions: GraphSubscriptions
) -> None:
    graph.says = _error(409, "Conflict", "There is one already")
    with pytest.raises(Conflict) as caught:
        await create(subscriptions)
    assert caught.value.existing_id is None


async def test_renewal_moves_the_expiration(graph: FakeGraph, subscriptions: GraphSubscriptions) -> None:
    subscription = await create(subscriptions)
    renewed = await subscriptions.renew(subscription.id, NOW + timedelta(minutes=50))
    assert renewed.expiration.replace(microsecond=0) == NOW + timedelta(minutes=50)
    assert graph.rows[subscription.id]["notificationUrl"] == URL


async def test_the_notification_url_can_be_moved(subscriptions: GraphSubscriptions) -> None:
    subscription = await create(subscriptions)
    moved = await subscriptions.set_notification_url(subscription.id, "https://new.example")
    assert moved.notification_url == "https://new.example"
    assert await subscriptions.get(subscription.id) == moved


async def test_renewing_one_that_is_gone_says_so(subscriptions: GraphSubscriptions) -> None:
    with pytest.raises(NotFound) as caught:
        await subscriptions.renew("gone", NOW)
    assert caught.value.code == "ResourceNotFound"


async def test_deleting_twice_is_as_good_as_once(graph: FakeGraph, subscriptions: GraphSubscriptions) -> None:
    subscription = await create(subscriptions)
    await subscriptions.delete(subscription.id)
    await subscriptions.delete(subscription.id)
    assert graph.rows == {}


async def test_all_pages_are_listed(graph: FakeGraph, subscriptions: GraphSubscriptions) -> None:
    users = [f"{number:08}-0683-4862-9de4-f2ec83c2bd98" for number in range(5)]
    made = [await create(subscriptions, Mailbox(MAILBOX.tenant_id, user)) for user in users]
    assert [each async for each in subscriptions.list()] == made
    assert len(graph.rows) == 5


async def test_the_token_goes_to_no_other_host(graph: FakeGraph, subscriptions: GraphSubscriptions) -> None:
    for number in range(3):
        await create(subscriptions, Mailbox(MAILBOX.tenant_id, f"{number:08}-0683-4862-9de4-f2ec83c2bd98"))
    graph.next_host = "https://elsewhere.example"
    with pytest.raises(ServerError, match="another host"):
        _ = [each async for each in subscriptions.list()]


async def test_an_endpoint_that_failed_its_validation_is_a_rejection(
    graph: FakeGraph, subscriptions: GraphSubscriptions
) -> None:
    graph.says = _error(400, "InvalidRequest", "Subscription validation request timed out.")
    with pytest.raises(Rejected) as caught:
        await create(subscriptions)
    assert caught.value.code == "InvalidRequest"


async def test_pages_that_lead_round_in_a_circle_are_not_read_for_ever(
    graph: FakeGraph, subscriptions: GraphSubscriptions
) -> None:
    def page(number: int) -> httpx2.Response:
        link = f"https://graph.example/v1.0/subscriptions?page={number}"
        return httpx2.Response(200, json={"value": [], "@odata.nextLink": link})

    graph.says = cycle([page(1), page(2)])
    with pytest.raises(ServerError, match="was read already"):
        async for _ in subscriptions.list():
            pass


@pytest.mark.parametrize(
    "body",
    [
        {"id": "x"},
        {"expirationDateTime": "2026-11-22T10:00:00Z"},
        {"id": "x", "expirationDateTime": "2026-11-22T10:00:00"},
        {"id": "x", "expirationDateTime": "9999-12-31T23:59:59-01:00"},
    ],
)
async def test_a_subscription_that_cannot_be_read_is_an_error(
    graph: FakeGraph, subscriptions: GraphSubscriptions, body: dict[str, str]
) -> None:
    graph.says = httpx2.Response(200, json=body)
    with pytest.raises(ServerError):
        await subscriptions.get("x")

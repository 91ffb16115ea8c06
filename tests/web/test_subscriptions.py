import json
from datetime import timedelta
from typing import Any

import httpx2
import lightkube
import pytest
from lightkube.config.kubeconfig import KubeConfig
from lightkube.config.models import Cluster, User

from outlook_addin_core.domain.mailbox import subscription_name
from outlook_addin_web.ports import StoreUnavailable, SubscriptionState
from outlook_addin_web.subscriptions import COUNT_LIVES, KubernetesSubscriptions
from web.fakes import ANNA, BEN, FakeClock

PATH = "/apis/outlook-addin.dev/v1alpha1/namespaces/bank/calendarsubscriptions"
NAME = subscription_name("outlook-addin", ANNA)


class ApiServer:
    """The part of the Kubernetes API that is used, over a dictionary."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.down = False
        self.lists = 0

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if self.down:
            raise httpx2.ConnectError("refused", request=request)
        assert request.url.path.startswith(PATH)
        name = request.url.path.removeprefix(PATH).lstrip("/")
        match request.method, name:
            case "POST", "":
                return self._create(json.loads(request.content))
            case "GET", "":
                return self._list(request.url.params["fieldSelector"])
            case "GET", name if name in self.objects:
                return httpx2.Response(200, json=self.objects[name])
            case "PATCH", name if name in self.objects:
                patch = json.loads(request.content)["metadata"]["annotations"]
                self.objects[name]["metadata"].setdefault("annotations", {}).update(patch)
                return httpx2.Response(200, json=self.objects[name])
        return self._failure(404)

    def _create(self, body: dict[str, Any]) -> httpx2.Response:
        name = body["metadata"]["name"]
        if name in self.objects:
            return self._failure(409)
        self.objects[name] = body
        return httpx2.Response(201, json=body)

    def _list(self, selector: str) -> httpx2.Response:
        self.lists += 1
        wanted = selector.removeprefix("spec.addinRef.name=")
        items = [each for each in self.objects.values() if each["spec"]["addinRef"]["name"] == wanted]
        return httpx2.Response(200, json={"metadata": {}, "items": items})

    def _failure(self, code: int) -> httpx2.Response:
        return httpx2.Response(code, json={"kind": "Status", "code": code, "message": f"{NAME} {code}"})


@pytest.fixture
def server() -> ApiServer:
    return ApiServer()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def subscriptions(server: ApiServer, clock: FakeClock) -> KubernetesSubscriptions:
    config = KubeConfig.from_one(
        cluster=Cluster(server="http://kubernetes.example"), user=User(token="t"), namespace="bank"
    )
    client = lightkube.AsyncClient(config, transport=httpx2.MockTransport(server))
    return KubernetesSubscriptions(client, "outlook-addin", "bank", clock)


async def test_a_subscription_is_made_as_the_operator_expects_it(
    server: ApiServer, subscriptions: KubernetesSubscriptions
) -> None:
    await subscriptions.create(ANNA, "anna@bank.example")
    made = server.objects[NAME]
    assert made["spec"] == {
        "addinRef": {"name": "outlook-addin"},
        "tenantId": ANNA.tenant_id,
        "userId": ANNA.user_id,
        "mailbox": "anna@bank.example",
    }
    assert made["metadata"]["labels"] == {
        "app.kubernetes.io/managed-by": "outlook-addin-web",
        "app.kubernetes.io/instance": "outlook-addin",
    }


async def test_two_makers_meet_in_one_object(
    server: ApiServer, subscriptions: KubernetesSubscriptions
) -> None:
    await subscriptions.create(ANNA, "anna@bank.example")
    await subscriptions.create(ANNA, None)
    assert len(server.objects) == 1


async def test_what_does_not_exist_is_none(subscriptions: KubernetesSubscriptions) -> None:
    assert await subscriptions.get(ANNA) is None


async def test_the_ready_condition_is_what_counts(
    server: ApiServer, subscriptions: KubernetesSubscriptions
) -> None:
    await subscriptions.create(ANNA, None)
    pending = SubscriptionState(NAME, ready=False, reason="Pending", expiration_time=None)
    assert await subscriptions.get(ANNA) == pending
    conditions = [
        {"type": "Subscribed", "status": "False", "reason": "Other"},
        {"type": "Ready", "status": "True", "reason": "Subscribed"},
    ]
    server.objects[NAME]["status"] = {"expirationTime": "2026-11-28T10:00:00Z", "conditions": conditions}
    state = SubscriptionState(NAME, ready=True, reason="Subscribed", expiration_time="2026-11-28T10:00:00Z")
    assert await subscriptions.get(ANNA) == state


async def test_another_mailboxs_object_of_the_same_name_is_not_shown(
    server: ApiServer, subscriptions: KubernetesSubscriptions
) -> None:
    await subscriptions.create(ANNA, None)
    server.objects[NAME]["spec"]["userId"] = BEN.user_id
    with pytest.raises(StoreUnavailable):
        await subscriptions.get(ANNA)


async def test_only_the_add_ins_own_subscriptions_count_and_counting_is_rare(
    server: ApiServer, subscriptions: KubernetesSubscriptions, clock: FakeClock
) -> None:
    server.objects["foreign"] = {"metadata": {}, "spec": {"addinRef": {"name": "another"}}}
    assert await subscriptions.count() == 0
    await subscriptions.create(ANNA, None)
    assert await subscriptions.count() == 1
    assert server.lists == 1
    await subscriptions.create(BEN, None)
    del server.objects[NAME]
    clock.advance(COUNT_LIVES + timedelta(seconds=1))
    assert await subscriptions.count() == 1


async def test_a_renewal_request_is_an_annotation(
    server: ApiServer, subscriptions: KubernetesSubscriptions
) -> None:
    await subscriptions.create(ANNA, None)
    assert await subscriptions.request_renewal(ANNA, "missed-now")
    assert server.objects[NAME]["metadata"]["annotations"] == {
        "outlook-addin.dev/renew-requested": "missed-now"
    }


async def test_a_renewal_request_for_nobody_says_so(subscriptions: KubernetesSubscriptions) -> None:
    assert not await subscriptions.request_renewal(ANNA, "missed-now")


async def test_an_outage_is_told_without_naming_the_object(
    server: ApiServer, subscriptions: KubernetesSubscriptions
) -> None:
    server.down = True
    with pytest.raises(StoreUnavailable) as failure:
        await subscriptions.get(ANNA)
    assert NAME not in str(failure.value)

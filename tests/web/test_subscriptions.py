import json
from datetime import timedelta
from typing import Any

import httpx2
import lightkube
import pytest
from lightkube.config.kubeconfig import KubeConfig
from lightkube.config.models import Cluster, User

from outlook_addin_core.domain.mailbox import Mailbox, subscription_name
from outlook_addin_web.ports import Followed, StoreUnavailable, SubscriptionState
from outlook_addin_web.subscriptions import COUNT_LIVES, KubernetesSubscriptions
from outlook_addin_web.verdicts import IN_SYNC, INSUFFICIENT_ROLE, failing
from web.fakes import ANNA, BEN, START, FakeClock

PATH = "/apis/outlook-addin.dev/v1alpha1/namespaces/bank/calendarsubscriptions"
ADDIN_PATH = "/apis/outlook-addin.dev/v1alpha1/namespaces/bank/outlookaddins/outlook-addin"
NAME = subscription_name("outlook-addin", ANNA)


class ApiServer:
    """The part of the Kubernetes API that is used, over a dictionary."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.down = False
        self.lists = 0
        self.status_writes = 0
        self.addin: dict[str, Any] = {"metadata": {"name": "outlook-addin"}, "spec": {}}

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if self.down:
            raise httpx2.ConnectError("refused", request=request)
        if request.url.path == ADDIN_PATH:
            return httpx2.Response(200, json=self.addin)
        assert request.url.path.startswith(PATH)
        return self._answer(request, request.url.path.removeprefix(PATH).lstrip("/"))

    def _answer(self, request: httpx2.Request, name: str) -> httpx2.Response:
        match request.method, name:
            case "POST", "":
                return self._create(json.loads(request.content))
            case "GET", "":
                return self._list(request.url.params["fieldSelector"])
            case "GET", name if name in self.objects:
                return httpx2.Response(200, json=self.objects[name])
            case "PATCH", name if name.removesuffix("/status") in self.objects:
                return self._patch(*name.partition("/")[::2], json.loads(request.content))
            case "DELETE", name if name in self.objects:
                return httpx2.Response(200, json=self.objects.pop(name))
        return self._failure(404)

    def _patch(self, name: str, part: str, patch: dict[str, Any]) -> httpx2.Response:
        body = self.objects[name]
        if part == "status":
            body.setdefault("status", {})["conditions"] = patch["status"]["conditions"]
            self.status_writes += 1
        else:
            body["metadata"].setdefault("annotations", {}).update(patch["metadata"]["annotations"])
        body["metadata"]["resourceVersion"] = str(int(body["metadata"].get("resourceVersion", "1")) + 1)
        return httpx2.Response(200, json=body)

    def _create(self, body: dict[str, Any]) -> httpx2.Response:
        name = body["metadata"]["name"]
        if name in self.objects:
            return self._failure(409)
        self.objects[name] = body
        body["metadata"].setdefault("creationTimestamp", "2026-11-23T09:00:00Z")
        return httpx2.Response(201, json=body)

    def put(self, name: str, mailbox: Mailbox, created: str, addin: str = "outlook-addin") -> None:
        """Make an object as people do, under a name of their own."""
        ids = {"tenantId": mailbox.tenant_id, "userId": mailbox.user_id}
        metadata = {"name": name, "creationTimestamp": created}
        self.objects[name] = {"metadata": metadata, "spec": {"addinRef": {"name": addin}, **ids}}

    def condition(self, name: str, kind: str) -> dict[str, Any] | None:
        conditions = self.objects[name].get("status", {}).get("conditions", [])
        return next((each for each in conditions if each["type"] == kind), None)

    def _list(self, selector: str) -> httpx2.Response:
        self.lists += 1
        items = [each for each in self.objects.values() if _is_selected(each["spec"], selector)]
        return httpx2.Response(200, json={"metadata": {}, "items": items})

    def _failure(self, code: int) -> httpx2.Response:
        return httpx2.Response(code, json={"kind": "Status", "code": code, "message": f"{NAME} {code}"})


def _is_selected(spec: dict[str, Any], selector: str) -> bool:
    fields = {"spec.addinRef.name": spec["addinRef"]["name"]}
    fields |= {f"spec.{name}": spec.get(name) for name in ("tenantId", "userId")}
    return all(
        fields[name] == value for name, _, value in (each.partition("=") for each in selector.split(","))
    )


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


async def test_another_mailboxs_object_of_the_same_name_is_not_shown_and_stands_in_the_way(
    server: ApiServer, subscriptions: KubernetesSubscriptions
) -> None:
    server.put(NAME, BEN, "2026-11-01T00:00:00Z")
    assert await subscriptions.get(ANNA) is None
    with pytest.raises(StoreUnavailable, match="delete it"):
        await subscriptions.create(ANNA, None)


async def test_what_people_made_under_a_name_of_their_own_is_the_mailboxs_subscription(
    server: ApiServer, subscriptions: KubernetesSubscriptions
) -> None:
    server.put("anna-of-the-front-desk", ANNA, "2026-11-01T00:00:00Z")
    server.put("another-add-ins", ANNA, "2026-10-01T00:00:00Z", addin="another")
    await subscriptions.create(ANNA, "anna@bank.example")
    assert NAME not in server.objects
    state = await subscriptions.get(ANNA)
    assert state is not None
    assert state.name == "anna-of-the-front-desk"
    assert await subscriptions.report(ANNA, IN_SYNC)
    assert server.condition("anna-of-the-front-desk", "Synchronized") is not None
    assert await subscriptions.request_renewal(ANNA, "now")
    annotations = server.objects["anna-of-the-front-desk"]["metadata"]["annotations"]
    assert annotations == {"outlook-addin.dev/renew-requested": "now"}


async def test_of_several_the_oldest_serves_and_of_one_second_the_first_by_name(
    server: ApiServer, subscriptions: KubernetesSubscriptions
) -> None:
    server.put("b", ANNA, "2026-11-02T00:00:00Z")
    server.put("a", ANNA, "2026-11-02T00:00:00Z")
    server.put("0", ANNA, "2026-11-03T00:00:00Z")
    await subscriptions.report(ANNA, IN_SYNC)
    assert [name for name in server.objects if server.condition(name, "Synchronized")] == ["a"]


async def test_when_the_operator_says_that_ours_is_the_younger_one_the_older_one_counts(
    server: ApiServer, subscriptions: KubernetesSubscriptions
) -> None:
    await subscriptions.create(ANNA, None)
    server.put("older", ANNA, "2026-11-01T00:00:00Z")
    duplicate = {"type": "Ready", "status": "False", "reason": "Duplicate"}
    server.objects[NAME]["status"] = {"conditions": [duplicate]}
    await subscriptions.report(ANNA, IN_SYNC)
    assert server.condition("older", "Synchronized") is not None
    assert server.condition(NAME, "Synchronized") is None


async def test_a_subscription_that_the_web_server_made_costs_no_list(
    server: ApiServer, subscriptions: KubernetesSubscriptions
) -> None:
    await subscriptions.create(ANNA, None)
    before = server.lists
    await subscriptions.report(ANNA, IN_SYNC)
    await subscriptions.request_renewal(ANNA, "now")
    assert server.lists == before


async def test_only_the_add_ins_own_subscriptions_count_and_counting_is_rare(
    server: ApiServer, subscriptions: KubernetesSubscriptions, clock: FakeClock
) -> None:
    server.put("foreign", ANNA, "2026-11-01T00:00:00Z", addin="another")
    assert await subscriptions.count() == 0
    await subscriptions.create(ANNA, None)
    lists = server.lists
    assert await subscriptions.count() == 1
    assert server.lists == lists
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


async def test_the_condition_is_written_when_what_it_says_has_changed_and_keeps_its_time_otherwise(
    server: ApiServer, subscriptions: KubernetesSubscriptions, clock: FakeClock
) -> None:
    await subscriptions.create(ANNA, None)
    server.objects[NAME]["metadata"]["generation"] = 3
    assert await subscriptions.report(ANNA, IN_SYNC)
    clock.advance(timedelta(hours=1))
    assert await subscriptions.report(ANNA, IN_SYNC)
    assert server.status_writes == 1
    assert server.objects[NAME]["status"]["conditions"] == [
        {
            "type": "Synchronized",
            "status": "True",
            "observedGeneration": 3,
            "lastTransitionTime": "2026-11-23T09:00:00Z",
            "reason": "InSync",
            "message": IN_SYNC.message,
        }
    ]
    await subscriptions.report(ANNA, INSUFFICIENT_ROLE)
    await subscriptions.report(ANNA, failing("Throttled", "Microsoft Graph asks to wait."))
    (condition,) = server.objects[NAME]["status"]["conditions"]
    assert (condition["status"], condition["reason"]) == ("False", "Throttled")
    assert condition["lastTransitionTime"] == "2026-11-23T10:00:00Z"


async def test_nothing_can_be_said_about_a_mailbox_without_subscription(
    subscriptions: KubernetesSubscriptions,
) -> None:
    assert not await subscriptions.report(ANNA, IN_SYNC)


async def test_what_the_sweep_needs_is_read_from_the_object(
    server: ApiServer, subscriptions: KubernetesSubscriptions
) -> None:
    await subscriptions.create(ANNA, None)
    metadata = server.objects[NAME]["metadata"]
    metadata |= {"creationTimestamp": "2026-11-23T08:00:00Z", "resourceVersion": "7"}
    metadata["annotations"] = {"outlook-addin.dev/sync-requested": "please"}
    server.objects[NAME]["status"] = {"subscriptionId": "s1"}
    (followed,) = [each async for each in subscriptions.all()]
    assert followed == Followed(
        name=NAME,
        mailbox=ANNA,
        web_made=True,
        subscription_id="s1",
        sync_requested="please",
        last_needed=None,
        created=START - timedelta(hours=1),
        version="7",
    )
    await subscriptions.note_needed(followed, START.date())
    (followed,) = [each async for each in subscriptions.all()]
    assert followed.last_needed == START.date()


async def test_an_idle_subscription_is_deleted_unless_it_has_changed_since(
    server: ApiServer, subscriptions: KubernetesSubscriptions
) -> None:
    await subscriptions.create(ANNA, None)
    server.objects[NAME]["metadata"]["resourceVersion"] = "7"
    (followed,) = [each async for each in subscriptions.all()]
    await subscriptions.request_renewal(ANNA, "now")
    await subscriptions.remove(followed)
    assert NAME in server.objects
    (followed,) = [each async for each in subscriptions.all()]
    await subscriptions.remove(followed)
    assert server.objects == {}


async def test_a_request_for_a_sweep_is_an_annotation_of_the_add_in(
    server: ApiServer, subscriptions: KubernetesSubscriptions
) -> None:
    assert await subscriptions.sweep_request() == ""
    server.addin["metadata"]["annotations"] = {"outlook-addin.dev/sync-requested": "2026-11-23"}
    assert await subscriptions.sweep_request() == "2026-11-23"


async def test_an_outage_is_told_without_naming_the_object(
    server: ApiServer, subscriptions: KubernetesSubscriptions
) -> None:
    server.down = True
    with pytest.raises(StoreUnavailable) as failure:
        await subscriptions.get(ANNA)
    assert NAME not in str(failure.value)

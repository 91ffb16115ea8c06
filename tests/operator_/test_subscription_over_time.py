"""One mailbox over hours: the real reconciler and Graph client, a simulated Graph, a clock to turn."""

import base64
import copy
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from outlook_addin_core.domain import client_state
from outlook_addin_core.domain.mailbox import Mailbox
from outlook_addin_operator.addin.objects import webhook_key
from outlook_addin_operator.addin.spec import Owner
from outlook_addin_operator.agenda import Agenda
from outlook_addin_operator.cluster import Cluster
from outlook_addin_operator.credentials import CredentialsReader
from outlook_addin_operator.events import Recorder
from outlook_addin_operator.graph_access import GraphAccessCache
from outlook_addin_operator.inventory import Inventory
from outlook_addin_operator.keys import Key, Object
from outlook_addin_operator.lease_keeper import NotLeadingError
from outlook_addin_operator.metrics import Metrics
from outlook_addin_operator.schedule import Schedule
from outlook_addin_operator.subscription.inspector import Inspector
from outlook_addin_operator.subscription.reconciler import SubscriptionReconciler
from outlook_addin_sandbox.graph import Subscription
from outlook_addin_sandbox.serving import Fault
from outlook_addin_sandbox.world import World, WorldSettings

KEY = Key("CalendarSubscription", "bank", "anna")
SECRET = bytes(range(32))
UID = "uid-addin"


class TurnedClock:
    """A clock that goes when the test turns it."""

    def __init__(self) -> None:
        self.time = datetime.now(UTC).replace(microsecond=0)

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    def turn(self, **span: float) -> None:
        self.time += timedelta(**span)


class MemoryCluster(Cluster):
    """Objects in a dictionary; every change of one counts in its resourceVersion."""

    def __init__(self, *bodies: Object) -> None:
        self.objects: dict[Key, Object] = {}
        self.events: list[str] = []
        for body in bodies:
            self.put(body)

    def put(self, body: Object) -> None:
        metadata = body["metadata"]
        metadata["resourceVersion"] = str(int(metadata.get("resourceVersion", "0")) + 1)
        self.objects[Key(body["kind"], "bank", metadata["name"])] = body

    async def get(self, kind: str, namespace: str, name: str) -> Object | None:
        return copy.deepcopy(self.objects.get(Key(kind, namespace, name)))

    async def list(
        self,
        kind: str,
        namespace: str,
        *,
        labels: dict[str, Any] | None = None,  # noqa: ARG002 - as the real one
        fields: dict[str, Any] | None = None,
    ) -> list[Object]:
        wanted = {path.removeprefix("spec."): value for path, value in (fields or {}).items()}
        found = [
            body for key, body in self.objects.items() if key.kind == kind and key.namespace == namespace
        ]
        return [copy.deepcopy(body) for body in found if wanted.items() <= body["spec"].items()]

    async def annotate(self, key: Key, annotations: Mapping[str, str]) -> None:
        self.objects[key]["metadata"].setdefault("annotations", {}).update(annotations)

    async def delete(self, key: Key) -> None:
        body = self.objects[key]
        if body["metadata"].get("finalizers"):
            body["metadata"]["deletionTimestamp"] = body["metadata"]["creationTimestamp"]
            self.put(body)
        else:
            del self.objects[key]

    async def create(self, body: Object) -> bool:
        self.events.append(body["reason"])
        return True

    async def set_finalizers(self, body: Mapping[str, Any], finalizers: Sequence[str]) -> Object | None:
        found = self.objects[Key(body["kind"], "bank", body["metadata"]["name"])]
        found["metadata"]["finalizers"] = list(finalizers)
        self.put(found)
        return found

    async def apply_status(self, body: Mapping[str, Any], status: Mapping[str, Any]) -> None:
        found = self.objects[Key(body["kind"], "bank", body["metadata"]["name"])]
        found["status"] = dict(status)
        self.put(found)


class Mill:
    """Everything that is needed to reconcile one CalendarSubscription."""

    def __init__(self, world: World, clock: TurnedClock, origin: str) -> None:
        self.world, self.clock, self.agent = world, clock, world.agents[0]
        self.cluster = MemoryCluster(*_objects(world, origin))
        self.inventory, self.metrics = Inventory(), Metrics()
        self.woken: list[Key] = []
        self.agenda = Agenda(Schedule(), self.inventory, lambda key, _at: self.woken.append(key), clock)
        self.graph = GraphAccessCache(clock, lambda _operation, _outcome: None)
        self.lost_lease = False
        shared: dict[str, Any] = {
            "cluster": self.cluster,
            "credentials": CredentialsReader(self.cluster, clock),
            "inventory": self.inventory,
            "agenda": self.agenda,
            "graph": self.graph,
            "metrics": self.metrics,
            "clock": clock,
            "fence": self._fence,
        }
        self.reconciler = SubscriptionReconciler(**shared, recorder=Recorder(self.cluster, clock, "test"))
        self.slept: list[float] = []
        self.inspector = Inspector(**shared, interval=3600.0, sleep=self._sleep)

    async def run(self, key: Key = KEY) -> datetime | None:
        return await self.reconciler.reconcile(key)

    async def compare(self) -> None:
        """Show the operator what there is, and have it compare that with Graph."""
        place = Key("OutlookAddin", "bank", "addin")
        self.inventory.put_addin(place, self.world.client_id)
        for key, body in self.cluster.objects.items():
            if key.kind == "CalendarSubscription":
                self.inventory.put_subscription(body, key.kind)
        await self.inspector._each(self.inspector.compare)

    def _fence(self) -> None:
        if self.lost_lease:
            raise NotLeadingError

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    @property
    def body(self) -> dict[str, Any]:
        return self.cluster.objects[KEY]

    @property
    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = self.body["status"]
        return status

    @property
    def writes(self) -> int:
        return int(self.body["metadata"]["resourceVersion"])

    @property
    def live(self) -> list[Subscription]:
        return list(self.world.graph.subscriptions.values())

    def states(self) -> dict[str, tuple[str, str]]:
        return {item["type"]: (item["status"], item["reason"]) for item in self.status["conditions"]}

    def break_graph(self, **fault: Any) -> None:
        self.world.graph.faults.rules = [Fault(operation="* /v1.0/subscriptions*", **fault)]

    def mend_graph(self) -> None:
        self.world.graph.faults.rules = []


def _objects(world: World, origin: str) -> list[Object]:
    def meta(name: str, **more: Any) -> dict[str, Any]:
        made = "2026-11-01T00:00:00Z"
        return {
            "name": name,
            "namespace": "bank",
            "uid": f"uid-{name}",
            "generation": 1,
            "creationTimestamp": made,
            **more,
        }

    def encoded(values: Mapping[str, str]) -> dict[str, str]:
        return {key: base64.b64encode(text.encode()).decode() for key, text in values.items()}

    gateway = {"enabled": True, "authGateway": {"clientId": "gateway"}, "subscriptionExpiration": "40m"}
    spec = {
        "deploymentUrl": origin,
        "unbluOAuthBackendUrl": world.unblu.url,
        "clientId": world.client_id,
        "authority": f"{world.entra.origin}/common",
        "graphUrl": world.graph.origin,
        "tenantIds": [world.tenant_id],
        "syncServer": gateway,
        "proxy": {"caBundleRef": {"name": "ca"}},
    }
    agent = world.agents[0]
    key = webhook_key.build(Owner("addin", "bank", UID), SECRET)["stringData"]
    available = {"availableReplicas": 1, "conditions": [{"type": "Available", "status": "True"}]}
    place = {"addinRef": {"name": "addin"}, "tenantId": agent.tenant_id, "userId": agent.user_id}
    group = "outlook-addin.dev/v1alpha1"
    names = {
        "CLIENT_SECRET": world.client_secret,
        "SYNCSERVER_AUTH_GATEWAY_CLIENT_SECRET": world.gateway_client_secret,
    }
    return [
        {"apiVersion": group, "kind": "OutlookAddin", "metadata": meta("addin"), "spec": spec},
        {"apiVersion": group, "kind": "CalendarSubscription", "metadata": meta("anna"), "spec": place},
        {"kind": "Secret", "metadata": meta("outlook-addin-secrets"), "data": encoded(names)},
        {"kind": "Secret", "metadata": meta("addin-webhook-key"), "data": encoded(key)},
        {"kind": "ConfigMap", "metadata": meta("ca"), "data": {"ca.crt": world.ca_bundle.read_text()}},
        {"kind": "Deployment", "metadata": meta("addin"), "status": available},
    ]


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock()


@pytest.fixture
async def mill(clock: TurnedClock, endpoint: str) -> AsyncIterator[Mill]:
    async with World.start(WorldSettings(now=clock.now)) as world:
        mill = Mill(world, clock, endpoint)
        yield mill
        await mill.graph.aclose()


async def test_a_first_subscription_is_what_graph_granted_and_proves_its_origin(mill: Mill) -> None:
    due = await mill.run()
    [live] = mill.live
    assert mill.status["subscriptionId"] == live.id
    assert live.expiration == mill.clock.now() + timedelta(minutes=45)
    assert live.immutable_ids
    mailbox = Mailbox(mill.agent.tenant_id, mill.agent.user_id)
    assert client_state.verify([SECRET], live.client_state or "") == mailbox
    assert live.notification_url.endswith(f"/addin/graph/notifications?installation={UID}")
    assert due is not None
    assert timedelta(minutes=20) < due - mill.clock.now() < timedelta(minutes=24)
    assert mill.body["metadata"]["finalizers"] == ["outlook-addin.dev/cleanup"]


async def test_a_routine_renewal_is_one_write_and_keeps_the_subscription_and_its_peace(mill: Mill) -> None:
    await mill.run()
    before, flipped = mill.writes, mill.status["conditions"][0]["lastTransitionTime"]
    [live] = mill.live
    told = list(mill.cluster.events)
    mill.clock.turn(minutes=24)
    await mill.run()
    assert mill.writes == before + 1
    assert [each.id for each in mill.live] == [live.id]
    assert len(live.history) == 2 or live.expiration == mill.clock.now() + timedelta(minutes=45)
    assert mill.status["conditions"][0]["lastTransitionTime"] == flipped
    assert mill.cluster.events == told


async def test_what_is_not_due_is_read_and_not_written(mill: Mill) -> None:
    await mill.run()
    before, asked = mill.writes, dict(mill.world.graph.requests)
    mill.clock.turn(minutes=5)
    await mill.run()
    assert mill.writes == before
    assert dict(mill.world.graph.requests) == asked


async def test_a_subscription_that_graph_forgot_is_made_anew_when_it_is_renewed(mill: Mill) -> None:
    await mill.run()
    old = mill.status["subscriptionId"]
    mill.world.graph.subscriptions.remove(old)
    mill.clock.turn(minutes=24)
    await mill.run()
    [live] = mill.live
    assert mill.status["subscriptionId"] == live.id != old
    assert mill.states()["Ready"] == ("True", "Subscribed")


async def test_a_failing_renewal_stays_ready_until_it_expires_and_then_recovers(mill: Mill) -> None:
    await mill.run()
    mill.clock.turn(minutes=24)
    mill.break_graph(status=503)
    next_time = await mill.run()
    assert mill.states()["Ready"] == ("True", "Subscribed")
    assert mill.states()["RenewalOverdue"] == ("True", "GraphError")
    assert mill.status["failedRenewals"] == 1
    assert next_time == mill.clock.now() + timedelta(seconds=10)
    while mill.status.get("subscriptionId"):
        assert next_time is not None
        mill.clock.time = next_time
        next_time = await mill.run()
    assert mill.states()["Ready"] == ("False", "GraphError")
    assert "RenewalOverdue" not in mill.states()
    assert "Stalled" not in mill.states()
    mill.mend_graph()
    for _ in range(2):  # the token of an hour ago is refused once
        assert next_time is not None
        mill.clock.time = next_time
        next_time = await mill.run()
    assert mill.states()["Ready"] == ("True", "Subscribed")
    assert mill.status["failedRenewals"] == 0
    assert "nextAttemptTime" not in mill.status


async def test_a_pause_after_a_failure_survives_a_restart_and_ends_when_the_cause_goes(mill: Mill) -> None:
    mill.break_graph(status=503)
    await mill.run()
    asked = sum(mill.world.graph.requests.values())
    assert await mill.run() == mill.clock.now() + timedelta(seconds=10)
    assert sum(mill.world.graph.requests.values()) == asked
    mill.mend_graph()
    mill.agenda._retry.add(KEY)
    await mill.run()
    assert mill.states()["Ready"] == ("True", "Subscribed")


async def test_graph_says_how_long_to_wait(mill: Mill) -> None:
    mill.break_graph(status=429, code="TooManyRequests", retry_after=300)
    assert await mill.run() == mill.clock.now() + timedelta(seconds=300)
    assert mill.states()["Ready"] == ("False", "Throttled")


async def test_a_lost_answer_is_made_up_for_by_adopting_what_is_ours(mill: Mill) -> None:
    mill.break_graph(lose_answer=True, times=1)
    next_time = await mill.run()
    assert mill.states()["Ready"] == ("False", "GraphUnreachable")
    [live] = mill.live
    assert next_time is not None
    mill.clock.time = next_time
    await mill.run()
    assert mill.status["subscriptionId"] == live.id
    assert [each.id for each in mill.live] == [live.id]


async def test_a_mailbox_that_another_installation_holds_is_left_to_it(mill: Mill) -> None:
    await mill.run()
    [live] = mill.live
    live.notification_url = live.notification_url.replace(UID, "another-installation")
    mill.body["status"] = {}
    await mill.run()
    assert mill.states()["Ready"] == ("False", "ClaimedElsewhere")
    assert mill.states()["Stalled"] == ("True", "ClaimedElsewhere")
    assert [each.id for each in mill.live] == [live.id]


async def test_a_web_server_that_graph_cannot_reach_is_explained(mill: Mill) -> None:
    mill.cluster.objects[Key("OutlookAddin", "bank", "addin")]["spec"]["deploymentUrl"] = (
        "http://x.localhost:9"
    )
    await mill.run()
    assert mill.states()["Ready"] == ("False", "NotificationUrlRefused")
    assert "deploymentUrl" in mill.status["conditions"][0]["message"]


async def test_a_moved_add_in_moves_both_addresses_in_one_go(mill: Mill) -> None:
    await mill.run()
    spec = mill.cluster.objects[Key("OutlookAddin", "bank", "addin")]["spec"]
    spec["deploymentAddinEndpoint"] = "elsewhere"
    await mill.run()
    [live] = mill.live
    assert "/elsewhere/graph/notifications" in live.notification_url
    assert "/elsewhere/graph/lifecycle" in (live.lifecycle_url or "")
    assert mill.status["subscriptionId"] == live.id
    assert mill.status["notificationUrl"] == live.notification_url


async def test_a_move_to_where_nobody_answers_keeps_the_old_place(mill: Mill) -> None:
    await mill.run()
    [live] = mill.live
    mill.world.graph.faults.validate_on_renewal = True
    mill.cluster.objects[Key("OutlookAddin", "bank", "addin")]["spec"]["deploymentUrl"] = (
        "http://x.localhost:9"
    )
    await mill.run()
    assert [each.id for each in mill.live] == [live.id]
    assert mill.states()["Ready"] == ("True", "Subscribed")
    assert mill.status["subscriptionId"] == live.id


async def test_a_request_within_ten_minutes_after_a_renewal_counts_as_answered(mill: Mill) -> None:
    await mill.run()
    [live] = mill.live
    granted = live.expiration
    mill.clock.turn(minutes=3)
    mill.body["metadata"]["annotations"] = {"outlook-addin.dev/renew-requested": "t1"}
    await mill.run()
    assert mill.status["handledRenewRequest"] == "t1"
    assert live.expiration == granted
    mill.clock.turn(minutes=9)
    mill.body["metadata"]["annotations"] = {"outlook-addin.dev/renew-requested": "t2"}
    await mill.run()
    assert mill.status["handledRenewRequest"] == "t2"
    assert live.expiration > granted


async def test_a_missing_secret_is_said_once_and_used_when_it_comes(mill: Mill) -> None:
    place = Key("Secret", "bank", "outlook-addin-secrets")
    secret = mill.cluster.objects.pop(place)
    next_time = await mill.run()
    assert mill.states()["CredentialsValid"] == ("False", "SecretNotFound")
    before = mill.writes
    assert next_time is not None
    mill.clock.time = next_time
    await mill.run()
    assert mill.writes == before
    mill.cluster.objects[place] = secret
    mill.clock.turn(minutes=1)
    await mill.run()
    assert mill.states()["CredentialsValid"] == ("True", "Accepted")


async def test_a_deletion_removes_the_graph_subscription_and_then_the_finalizer(mill: Mill) -> None:
    await mill.run()
    mill.body["metadata"]["deletionTimestamp"] = mill.clock.now().isoformat()
    mill.break_graph(status=503)
    await mill.run()
    assert mill.body["metadata"]["finalizers"]
    mill.mend_graph()
    await mill.run()
    assert not mill.live
    assert mill.body["metadata"]["finalizers"] == []


async def test_a_deletion_without_its_add_in_ends_with_a_word(mill: Mill) -> None:
    await mill.run()
    mill.body["metadata"]["deletionTimestamp"] = mill.clock.now().isoformat()
    del mill.cluster.objects[Key("OutlookAddin", "bank", "addin")]
    await mill.run()
    assert mill.body["metadata"]["finalizers"]
    mill.clock.turn(minutes=2)
    await mill.run()
    assert mill.body["metadata"]["finalizers"] == []
    assert mill.cluster.events[-1] == "SubscriptionAbandoned"


async def test_what_graph_says_about_a_person_is_not_repeated(mill: Mill) -> None:
    mill.break_graph(
        status=403, code="ErrorAccessDenied", message=f"Access to {mill.agent.address} is denied."
    )
    await mill.run()
    assert mill.states()["Stalled"] == ("True", "AccessDenied")
    assert mill.agent.address not in str(mill.status)

"""What brings mailboxes through hours.

The reconciler and the Graph client are the real ones; Graph is simulated, objects stand in a dictionary, and
time passes when a test turns the clock.
"""

import base64
import copy
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any

from outlook_addin_operator.addin.objects import webhook_key
from outlook_addin_operator.addin.reconciler import AddinReconciler
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
from outlook_addin_sandbox.world import World

KEY = Key("CalendarSubscription", "bank", "anna")

BEN = Key("CalendarSubscription", "bank", "ben")

ADDIN = Key("OutlookAddin", "bank", "addin")

SECRET = bytes(range(32))

NEW_SECRET = bytes(range(1, 33))
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
        wanted = (fields or {}).items()
        found = [
            body for key, body in self.objects.items() if key.kind == kind and key.namespace == namespace
        ]
        return [
            copy.deepcopy(body) for body in found if all(_at(body, path) == value for path, value in wanted)
        ]

    async def annotate(self, key: Key, annotations: Mapping[str, str]) -> None:
        self.objects[key]["metadata"].setdefault("annotations", {}).update(annotations)

    async def apply(self, body: Object) -> Object:
        live = self.objects.get(Key(body["kind"], "bank", body["metadata"]["name"]), {})
        metadata = {**live.get("metadata", {}), **body["metadata"]}
        applied = {**live, **copy.deepcopy(body), "metadata": metadata}
        self.put(applied)
        return copy.deepcopy(applied)

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


def _at(body: Object, path: str) -> Any:
    """Return what stands at a path such as ``spec.addinRef.name``."""
    return reduce(lambda value, name: value.get(name, {}), path.split("."), body)


class Mill:
    """Everything that is needed to reconcile one CalendarSubscription."""

    def __init__(self, world: World, clock: TurnedClock, origin: str) -> None:
        self.world, self.clock, self.origin = world, clock, origin
        self.agent = world.agents[0]
        self.cluster = MemoryCluster(*_objects(world, origin))
        self.inventory, self.metrics = Inventory(), Metrics()
        self.woken: list[Key] = []
        self.agenda = Agenda(Schedule(), self.inventory, lambda key, _at: self.woken.append(key), clock)
        self.graph = GraphAccessCache(clock, lambda _operation, _outcome: None)
        self.lost_lease = False
        self._others: list[Mill] = []
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
        self.reconciler = SubscriptionReconciler(
            **shared, recorder=Recorder(self.cluster, clock, "test"), sleep=self._let_pass
        )
        own = {name: shared[name] for name in ("cluster", "credentials", "inventory", "agenda", "clock")}
        recorder = Recorder(self.cluster, clock, "test")
        self.addins = AddinReconciler(**own, recorder=recorder, web_image="web:1", graph=self.graph)
        self.slept: list[float] = []
        self.inspector = Inspector(**shared, interval=3600.0, sleep=self._sleep)

    def restarted(self) -> "Mill":
        """Return a process that starts now: all it knows is what the cluster and Graph say."""
        again = Mill(self.world, self.clock, self.origin)
        again.cluster.objects = self.cluster.objects
        self._others.append(again)
        return again

    async def aclose(self) -> None:
        """Close the connections."""
        for each in (self, *self._others):
            await each.graph.aclose()

    async def run(self, key: Key = KEY) -> datetime | None:
        return await self.reconciler.reconcile(key)

    async def run_addin(self) -> dict[str, tuple[str, str]]:
        """Reconcile the OutlookAddin; returns its conditions."""
        await self.addins.reconcile(ADDIN)
        conditions = self.cluster.objects[ADDIN]["status"]["conditions"]
        return {item["type"]: (item["status"], item["reason"]) for item in conditions}

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

    async def _let_pass(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.turn(seconds=seconds)

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
    owned = {"ownerReferences": [{"kind": "OutlookAddin", "uid": UID, "controller": True}]}
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
        {"kind": "Secret", "metadata": meta("addin-webhook-key", **owned), "data": encoded(key)},
        {"kind": "ConfigMap", "metadata": meta("ca"), "data": {"ca.crt": world.ca_bundle.read_text()}},
        {"kind": "Deployment", "metadata": meta("addin", **owned), "status": available},
    ]


def add_ben(mill: Mill, **metadata: Any) -> dict[str, Any]:
    """Add the object of a second mailbox."""
    agent = mill.world.agents[1]
    made = {"uid": "uid-ben", "generation": 1, "creationTimestamp": "2026-11-02T00:00:00Z"}
    body: dict[str, Any] = {
        "apiVersion": "outlook-addin.dev/v1alpha1",
        "kind": "CalendarSubscription",
        "metadata": {"name": "ben", "namespace": "bank", **made, **metadata},
        "spec": {"addinRef": {"name": "addin"}, "tenantId": agent.tenant_id, "userId": agent.user_id},
    }
    mill.cluster.put(body)
    return body


def settings(mill: Mill) -> dict[str, Any]:
    spec: dict[str, Any] = mill.cluster.objects[ADDIN]["spec"]
    return spec


def annotate(mill: Mill, name: str, value: str) -> None:
    mill.body["metadata"].setdefault("annotations", {})[f"outlook-addin.dev/{name}"] = value


def delete(mill: Mill, key: Key = KEY) -> None:
    mill.cluster.objects[key]["metadata"]["deletionTimestamp"] = mill.clock.now().isoformat()


def put_key(mill: Mill, key: bytes, previous: bytes | None = None) -> None:
    def encoded(value: bytes) -> str:
        text = webhook_key.build(Owner("addin", "bank", UID), value)["stringData"]["key"]
        return base64.b64encode(text.encode()).decode()

    secret = mill.cluster.objects[Key("Secret", "bank", "addin-webhook-key")]
    secret["data"] = {"key": encoded(key), **({"previous": encoded(previous)} if previous else {})}
    mill.clock.turn(minutes=1)  # for as long as what was read may be used again

"""Two replicas of the web server against a real API server, with the rights that their role gives them."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import lightkube
import pytest
from lightkube.config.kubeconfig import KubeConfig
from lightkube.config.models import User
from prometheus_client import CollectorRegistry

from outlook_addin_core.domain.clock import SystemClock
from outlook_addin_core.domain.conversations import Marker
from outlook_addin_core.domain.mailbox import Mailbox, subscription_name
from outlook_addin_sandbox.cluster.control_plane import ControlPlane
from outlook_addin_sandbox.cluster.kubectl import Kubectl
from outlook_addin_web import sweeper
from outlook_addin_web.leases import KubernetesLease, lease_name
from outlook_addin_web.metrics import Metrics
from outlook_addin_web.outside import Outside
from outlook_addin_web.subscriptions import KubernetesSubscriptions
from outlook_addin_web.sync import Sync
from outlook_addin_web.tasks import Kind, Task
from web.fakes import ANNA, BEN, CONFIG, KEY, START, Bench, uuid

ROOT = Path(__file__).resolve().parents[2]
ADDIN = "desk"
REQUEST = "outlook-addin.dev/sync-requested"
NAME = subscription_name(ADDIN, ANNA)
SOON = SystemClock().now().replace(second=0, microsecond=0) + timedelta(days=1)
"""The clock is the machine's, and what is past stays as it is."""

pytestmark = pytest.mark.usefixtures("crds")


async def nobody(_: str) -> Any:
    raise AssertionError("nobody asks for this here")


async def eventually(holds: Callable[[], bool], seconds: float = 40) -> None:
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(holds):  # noqa: ASYNC110 - the API server tells nobody
            await asyncio.sleep(0.1)


@pytest.fixture
def config(control_plane: ControlPlane, kubectl: Kubectl, namespace: str) -> KubeConfig:
    """Who the web server of an OutlookAddin is, with the role that is shipped, bound as the operator does."""
    kubectl("apply", "-f", str(ROOT / "manifests/web-role.yaml"))
    kubectl("create", "serviceaccount", ADDIN, "-n", namespace)
    subject = f"--serviceaccount={namespace}:{ADDIN}"
    kubectl("create", "rolebinding", ADDIN, "--clusterrole=outlook-addin-web", subject, "-n", namespace)
    token = kubectl("create", "token", ADDIN, "-n", namespace).strip()
    admin = KubeConfig.from_file(str(control_plane.kubeconfig)).get()
    assert admin is not None
    return KubeConfig.from_one(cluster=admin.cluster, user=User(token=token), namespace=namespace)


class Replica:
    """One process of the web server, between fakes of Microsoft and Unblu and a real Kubernetes."""

    def __init__(self, bench: Bench, client: lightkube.AsyncClient, namespace: str, name: str) -> None:
        self.metrics = Metrics(CollectorRegistry())
        clock = SystemClock()
        self.subscriptions = KubernetesSubscriptions(client, ADDIN, namespace, clock)
        self.sync = Sync(
            config=replace(CONFIG, sync_server_sweep_interval=timedelta(hours=1)),
            keys=(KEY,),
            outside=Outside(
                events=bench.outlook,
                conversations=bench.unblu,
                subscriptions=self.subscriptions,
                lease=KubernetesLease(client, ADDIN, namespace),
                verify=nobody,
                known_to_unblu=nobody,
            ),
            clock=clock,
            metrics=self.metrics,
            identity=name,
        )

    @property
    def sweeps(self) -> float:
        labels = {"outcome": "complete"}
        return self.metrics.registry.get_sample_value("outlook_addin_sweeps_total", labels) or 0.0


@pytest.fixture
def start(bench: Bench, config: KubeConfig, namespace: str) -> Callable[[str], Any]:
    @asynccontextmanager
    async def running(name: str) -> AsyncIterator[Replica]:
        async with AsyncExitStack() as stack:
            client = lightkube.AsyncClient(config, trust_env=False)
            stack.push_async_callback(client.close)
            replica = Replica(bench, client, namespace, name)
            await stack.enter_async_context(replica.sync.running())
            yield replica

    return running


def addin(namespace: str) -> str:
    spec = {
        "deploymentUrl": CONFIG.deployment_url,
        "unbluOAuthBackendUrl": CONFIG.unblu_oauth_backend_url,
        "clientId": CONFIG.client_id,
        "tenantIds": list(CONFIG.tenant_ids),
    }
    metadata = {"name": ADDIN, "namespace": namespace}
    body = {
        "apiVersion": "outlook-addin.dev/v1alpha1",
        "kind": "OutlookAddin",
        "metadata": metadata,
        "spec": spec,
    }
    return json.dumps(body)


def by_hand(name: str, namespace: str, mailbox: Mailbox = ANNA) -> str:
    body = {
        "apiVersion": "outlook-addin.dev/v1alpha1",
        "kind": "CalendarSubscription",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "addinRef": {"name": ADDIN},
            "tenantId": mailbox.tenant_id,
            "userId": mailbox.user_id,
        },
    }
    return json.dumps(body)


async def test_one_replica_sweeps_the_other_takes_over_and_kubectl_tells_whether_a_mailbox_is_in_sync(
    bench: Bench,
    start: Callable[[str], Any],
    kubectl: Kubectl,
    namespace: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sweeper, "ASK_EVERY", 0.2)
    await asyncio.to_thread(kubectl, "apply", "-f", "-", input_text=addin(namespace))
    bench.unblu.put(ANNA, 1, marker=Marker("event", START), scheduled=SOON)
    bench.outlook.put(ANNA, "event", subject="Mortgage", start=SOON)

    def read(what: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(kubectl("get", what, "-n", namespace, "-o", "json"))
        return found

    def holder() -> str:
        return str(read(f"lease/{lease_name(ADDIN)}")["spec"].get("holderIdentity") or "")

    def needed() -> str:
        annotations: dict[str, str] = read(f"csub/{NAME}")["metadata"].get("annotations", {})
        return annotations.get("outlook-addin.dev/last-needed", "")

    def synchronized() -> tuple[str, str]:
        conditions = read(f"csub/{NAME}").get("status", {}).get("conditions", [])
        nothing: dict[str, Any] = {}
        found = next((each for each in conditions if each["type"] == "Synchronized"), nothing)
        return found.get("status", ""), found.get("reason", "")

    def topic() -> str:
        return bench.conversation.topic

    async with start("first") as first:
        await eventually(lambda: first.sweeps == 1 and topic() == "Mortgage")
        async with start("second") as second:
            await eventually(lambda: bool(read("csub")["items"]))
            first.sync.sweeper.request()
            await eventually(lambda: synchronized() == ("True", "InSync"))
            await eventually(lambda: needed() == f"{SystemClock().now():%Y-%m-%d}")
            assert (holder(), second.sweeps) == ("first", 0)

            bench.outlook.put(ANNA, "event", subject="Asked for at the add-in")
            await asyncio.to_thread(kubectl, "annotate", "oaddin", ADDIN, f"{REQUEST}=1", "-n", namespace)
            await eventually(lambda: topic() == "Asked for at the add-in")

            bench.outlook.put(ANNA, "event", subject="Asked for at the mailbox")
            await asyncio.to_thread(kubectl, "annotate", "csub", NAME, f"{REQUEST}=1", "-n", namespace)
            await eventually(lambda: topic() == "Asked for at the mailbox")

            next(each for each in first.sync._tasks if each.get_name() == "sweeping").cancel()
            bench.outlook.put(ANNA, "event", subject="Taken over")
            await eventually(lambda: topic() == "Taken over")
            assert (holder(), second.sweeps) == ("second", 1)
    assert holder() == ""


async def test_kubectl_tells_whether_a_mailbox_is_in_sync_whatever_its_subscription_is_called(
    bench: Bench, start: Callable[[str], Any], kubectl: Kubectl, namespace: str
) -> None:
    bench.unblu.put(ANNA, 1, marker=Marker("event", START), scheduled=SOON)
    bench.outlook.put(ANNA, "event", subject="Mortgage", start=SOON)
    kubectl("apply", "-f", "-", input_text=by_hand("anna", namespace))

    def read(name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(kubectl("get", "csub", name, "-n", namespace, "-o", "json"))
        return found

    def annotations(name: str) -> dict[str, str]:
        found: dict[str, str] = read(name)["metadata"].get("annotations", {})
        return found

    def names() -> list[str]:
        return kubectl("get", "csub", "-n", namespace, "-o", "name").split()

    def described(name: str) -> bool:
        return "Every open conversation says what its event says." in kubectl(
            "describe", "csub", name, "-n", namespace
        )

    async with start("one") as replica:
        await eventually(lambda: described("anna"))
        replica.sync.worker.submit(Task(ANNA, Kind.RENEWAL, "reauthorizationRequired-now"))
        wanted = {
            "outlook-addin.dev/renew-requested": "reauthorizationRequired-now",
            "outlook-addin.dev/last-needed": f"{SystemClock().now():%Y-%m-%d}",
        }
        await eventually(lambda: wanted.items() <= annotations("anna").items())
        await replica.subscriptions.create(ANNA, None)
        assert await asyncio.to_thread(names) == ["calendarsubscription.outlook-addin.dev/anna"]

        bench.unblu.put(BEN, 2, marker=Marker("event-2", START), scheduled=SOON)
        bench.outlook.put(BEN, "event-2", subject="Renamed in silence", start=SOON, link=uuid(2))
        await asyncio.to_thread(kubectl, "apply", "-f", "-", input_text=by_hand("ben", namespace, BEN))
        assert not await asyncio.to_thread(described, "ben")
        subscribed = '{"status": {"subscriptionId": "s"}}'
        patch = ("patch", "csub", "ben", "--subresource=status", "--type=merge", "-p", subscribed)
        await asyncio.to_thread(kubectl, *patch, "-n", namespace)
        await eventually(lambda: described("ben"))
        assert replica.sweeps == 1
    assert bench.unblu.conversations["conversation-2"].topic == "Renamed in silence"

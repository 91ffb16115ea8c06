"""What the contestants stand on: a real API server, simulated Graph and Entra, and a working OutlookAddin."""

import asyncio
import json
import os
import random
import ssl
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiohttp import web

from bench.operator.etcd import Etcd
from bench.operator.figures import added, gauge, writes
from bench.operator.image import search_path
from bench.operator.objects import Made, Plan, copies
from bench.operator.watched import Watched
from outlook_addin_sandbox.cluster.control_plane import ControlPlane
from outlook_addin_sandbox.graph.subscriptions import Subscription
from outlook_addin_sandbox.serving import bind, served
from outlook_addin_sandbox.world import World

ROOT = Path(__file__).parents[2]
SYSTEM, NAMESPACE, ADDIN = "outlook-addin-system", "bench", "desk"
PATIENCE = 60.0
API_VERSION = "outlook-addin.dev/v1alpha1"
KIND = f"apis/{API_VERSION}"
SUBSCRIPTIONS = f"{KIND}/namespaces/{NAMESPACE}/calendarsubscriptions"
STORED = f"/registry/outlook-addin.dev/calendarsubscriptions/{NAMESPACE}/"
JSON = dict[str, Any]


@dataclass
class Stage:
    """The running stage."""

    plane: ControlPlane
    world: World
    endpoint: str
    session: aiohttp.ClientSession
    etcd: Etcd
    folder: Path
    token: str
    environ: dict[str, str]
    metrics_port: int
    template: JSON = field(default_factory=dict)
    granted: Subscription | None = None
    made: list[Made] = field(default_factory=list)

    async def kubectl(self, *arguments: str, text: str | None = None) -> str:
        return await asyncio.to_thread(
            self.plane.kubectl, "-n", NAMESPACE, *arguments, input_text=text, timeout=PATIENCE
        )

    async def call(self, method: str, path: str, **options: Any) -> JSON:
        """Send a request to the API server with the operator's own token."""
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        url = f"{self.plane.server}/{path}"
        async with self.session.request(method, url, headers=headers, **options) as answer:
            answer.raise_for_status()
            found: JSON = await answer.json()
            return found

    async def list_all(self) -> list[JSON]:
        """List all CalendarSubscriptions as clients do: five hundred at a time."""
        items: list[JSON] = []
        going_on = ""
        while True:
            query = {"limit": "500", **({"continue": going_on} if going_on else {})}
            page = await self.call("GET", SUBSCRIPTIONS, params=query)
            items += page["items"]
            going_on = page["metadata"].get("continue", "")
            if not going_on:
                return items

    async def writes(self) -> dict[str, int]:
        """What the API server has written so far; of the Events, only those that our operator reported."""
        text = await self.kubectl("get", "--raw", f"/apis/events.k8s.io/v1/namespaces/{NAMESPACE}/events")
        reporters = [each.get("reportingController", "") for each in json.loads(text)["items"]]
        own = sum(reporter.startswith("outlook-addin") for reporter in reporters)
        return writes(await self.kubectl("get", "--raw", "/metrics")) | {"events": own}

    async def writes_since(self, before: Mapping[str, int]) -> dict[str, int]:
        return added(before, await self.writes())

    async def scheduled(self) -> int:
        """How many objects our operator has in its schedule; 0 while it does not answer."""
        try:
            async with self.session.get(f"http://127.0.0.1:{self.metrics_port}/metrics") as answer:
                return int(gauge(await answer.text(), "outlook_addin_scheduled_objects") or 0)
        except aiohttp.ClientError:
            return 0

    @contextmanager
    def operator(self) -> Iterator[Watched]:
        """Run our operator as the installation runs it, with the rights that the installation gives it."""
        command = [sys.executable, "-S", "-m", "kopf", "run", "--module=outlook_addin_operator.main"]
        command += ["--standalone", "--all-namespaces", "--log-format=json"]
        command += [f"--liveness=http://127.0.0.1:{self.metrics_port + 1}/healthz"]
        with Watched(command, self.environ, self.folder / "operator.log") as process:
            yield process

    async def fill(self, count: int, plan: Plan, *, at_graph: bool = True) -> None:
        """Replace all CalendarSubscriptions, and what Graph knows of them."""
        await self.clear()
        self.made = list(copies(self.template, count, plan))
        await self.etcd.put((STORED + made.name, made.body) for made in self.made)
        for made in self.made:
            self.world.graph.add_mailbox(made.user_id, self.world.tenant_id, made.body["spec"]["mailbox"])
            if at_graph:
                self.world.graph.subscriptions.add(self._at_graph(made))
        await self._until("the API server shows them all", lambda: self._listed(count))

    async def clear(self) -> None:
        """Remove all CalendarSubscriptions, at Graph too."""
        await self.etcd.delete_below(STORED)
        graph = self.world.graph
        for identifier in list(graph.subscriptions):
            graph.subscriptions.remove(identifier)
        for made in self.made:
            del graph.mailboxes[made.user_id]
        self.made = []
        await self._until("the API server shows none", lambda: self._listed(0))

    async def settle(self, count: int) -> None:
        """Let the operator run until the OutlookAddin counts them all, so that nothing is left to write."""
        with self.operator() as process:

            async def counted() -> bool:
                process.check()
                addin = await self.call("GET", f"{KIND}/namespaces/{NAMESPACE}/outlookaddins/{ADDIN}")
                return bool((addin["status"].get("subscriptions") or {}).get("total") == count)

            await self._until(f"the OutlookAddin counts {count}", counted, patience=300)

    def requests(self, method: str) -> int:
        """How many requests of a kind Graph has granted so far."""
        path = "/v1.0/subscriptions" + ("/{subscription}" if method == "PATCH" else "")
        return sum(
            count
            for name, count in self.world.graph.requests.items()
            if name.startswith(f"{method} {path} 2")
        )

    def _at_graph(self, made: Made) -> Subscription:
        if self.granted is None:
            raise RuntimeError("nothing was granted yet")
        return replace(
            self.granted,
            id=made.subscription_id,
            user_id=made.user_id,
            resource=made.body["status"]["resource"],
            expiration=made.times.ends,
            history=[made.times.ends],
        )

    async def _served(self) -> bool:
        try:
            for kind in ("outlookaddins", "calendarsubscriptions"):
                await self.call("GET", f"{KIND}/{kind}", params={"limit": "1"})
        except aiohttp.ClientResponseError:
            return False
        return True

    async def _listed(self, count: int) -> bool:
        page = await self.call("GET", SUBSCRIPTIONS, params={"limit": "1"})
        return bool(len(page["items"]) + page["metadata"].get("remainingItemCount", 0) == count)

    async def _until(
        self, what: str, holds: Callable[[], Awaitable[bool]], patience: float = PATIENCE
    ) -> None:
        deadline = time.monotonic() + patience
        while not await holds():
            if time.monotonic() > deadline:
                log = self.folder / "operator.log"
                said = log.read_text()[-3000:] if log.exists() else ""
                raise TimeoutError(f"not within {patience:g} s: {what}\n{said}")
            await asyncio.sleep(0.2)

    async def prepare(self) -> None:
        """Install the kinds, apply an OutlookAddin, and have the operator make one real subscription."""
        for path in ("crds/outlookaddins.yaml", "crds/calendarsubscriptions.yaml"):
            await self.kubectl("apply", "-f", str(ROOT / path))
        await self._until("the kinds are served", self._served)
        agent = self.world.agents[0]
        bodies = [*credentials(self.world), addin(self.world, self.endpoint), subscription(agent)]
        await self._apply(*bodies, manager="outlook-addin-web")
        with self.operator() as process:
            await self._until("there are pods", self._make_pods_ready)

            async def ready() -> bool:
                process.check()
                body = await self.call("GET", f"{SUBSCRIPTIONS}/first")
                conditions: list[JSON] = body["status"].get("conditions", [])
                return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)

            await self._until("the first subscription is made", ready)
        self.template = await self.etcd.get(f"{STORED}first")
        self.granted = next(iter(self.world.graph.subscriptions.values()))

    async def _make_pods_ready(self) -> bool:
        """Do what a kubelet does to the status of pods."""
        pods = json.loads(await self.kubectl("get", "pods", "-o", "json"))["items"]
        patch = json.dumps(
            {"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}
        )
        for pod in pods:
            name = pod["metadata"]["name"]
            await self.kubectl("patch", "pod", name, "--subresource=status", "--type=merge", "-p", patch)
        return bool(pods)

    async def _apply(self, *bodies: JSON, manager: str) -> None:
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": bodies})
        await self.kubectl("apply", "--server-side", f"--field-manager={manager}", "-f", "-", text=text)


def credentials(world: World) -> list[JSON]:
    """The Secret and the CA bundle that the OutlookAddin names."""
    values = {
        "CLIENT_SECRET": world.client_secret,
        "SYNCSERVER_AUTH_GATEWAY_CLIENT_SECRET": world.gateway_client_secret,
    }
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "outlook-addin-secrets"}}
    bundle = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "demo-ca"}}
    return [
        {**secret, "stringData": values},
        {**bundle, "data": {"ca.crt": world.ca_bundle.read_text()}},
    ]


def addin(world: World, endpoint: str) -> JSON:
    """The OutlookAddin; its lifetime is what objects.py reckons with."""
    return {
        "apiVersion": API_VERSION,
        "kind": "OutlookAddin",
        "metadata": {"name": ADDIN},
        "spec": {
            "deploymentUrl": endpoint,
            "unbluOAuthBackendUrl": world.unblu.url,
            "clientId": world.client_id,
            "authority": f"{world.entra.origin}/common",
            "tenantIds": [world.tenant_id],
            "graphUrl": world.graph.origin,
            "syncServer": {
                "enabled": True,
                "subscriptionExpiration": "144h",
                "authGateway": {"clientId": world.gateway_client_id},
            },
            "proxy": {"caBundleRef": {"name": "demo-ca"}},
        },
    }


def subscription(agent: Any) -> JSON:
    """The first CalendarSubscription, as the web server makes them."""
    return {
        "apiVersion": API_VERSION,
        "kind": "CalendarSubscription",
        "metadata": {
            "name": "first",
            "labels": {"app.kubernetes.io/managed-by": "outlook-addin-web"},
            "annotations": {"outlook-addin.dev/last-needed": datetime.now(UTC).date().isoformat()},
        },
        "spec": {
            "addinRef": {"name": ADDIN},
            "tenantId": agent.tenant_id,
            "userId": agent.user_id,
            "mailbox": agent.address,
        },
    }


@asynccontextmanager
async def stage(folder: Path) -> AsyncIterator[Stage]:
    """Build the stage, and take it down at the end."""
    async with AsyncExitStack() as stack:
        plane = stack.enter_context(ControlPlane())
        world = await stack.enter_async_context(World.start())
        endpoint = await stack.enter_async_context(_endpoint())
        install(plane)
        kubeconfig = plane.kubeconfig_for_service_account(SYSTEM, "outlook-addin-operator")
        connector = aiohttp.TCPConnector(ssl=_trust(plane), limit=64)
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        port = random.randrange(20_000, 30_000)
        built = Stage(
            plane=plane,
            world=world,
            endpoint=endpoint,
            session=session,
            etcd=Etcd(plane._etcd.url, session),  # noqa: SLF001 - nobody else needs to get at etcd
            folder=folder,
            token=yaml.safe_load(kubeconfig.read_text())["users"][0]["user"]["token"],
            environ=environment(kubeconfig, port) | {"PYTHONPATH": search_path(folder)},
            metrics_port=port,
        )
        await built.prepare()
        yield built


def install(plane: ControlPlane) -> None:
    """Apply the operator's rights, and a namespace to work in."""
    plane.kubectl("create", "namespace", NAMESPACE)
    plane.kubectl("apply", "-f", str(ROOT / "manifests" / "namespace.yaml"))
    for name in ("operator-rbac.yaml", "web-role.yaml"):
        plane.kubectl("apply", "-n", SYSTEM, "-f", str(ROOT / "manifests" / name))


def environment(kubeconfig: Path, port: int) -> dict[str, str]:
    """The operator's environment: the machine's without its proxies, and what a pod would be given."""
    base = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
    return base | {
        "KUBECONFIG": str(kubeconfig),
        "LISTEN_ADDRESS": "127.0.0.1",
        "METRICS_PORT": str(port),
        "POD_ID": "bench",
        "POD_NAMESPACE": SYSTEM,
        "WEB_IMAGE": "web:bench",
    }


def _trust(plane: ControlPlane) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(plane.ca_file))


@asynccontextmanager
async def _endpoint() -> AsyncIterator[str]:
    """Answer Graph's handshake as the add-in's web server does."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=request.query.get("validationToken", ""))

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with served(web.AppRunner(app, access_log=None, shutdown_timeout=1), bind()) as port:
        yield f"http://addin.localhost:{port}"

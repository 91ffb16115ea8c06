"""What the storm goes over: a real API server, two operators, simulated Microsoft services, an endpoint."""

import asyncio
import base64
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from bench.chaos.ledger import Ledger
from outlook_addin_sandbox.cluster.control_plane import ControlPlane
from outlook_addin_sandbox.cluster.errors import KubectlError
from outlook_addin_sandbox.cluster.kubectl import ESTABLISHED
from outlook_addin_sandbox.cluster.ports import free_ports
from outlook_addin_sandbox.serving import bind, served
from outlook_addin_sandbox.world import World, WorldSettings, made_up_id

ROOT = Path(__file__).parents[2]
SYSTEM, NAMESPACE = "outlook-addin-system", "bank"
LEASE_SECONDS = 6
PATIENCE = 180.0
Body = dict[str, Any]


@dataclass
class Endpoint:
    """Where Graph delivers: answers the handshake, counts what comes."""

    origin: str
    delay: float = 0.0
    events: Counter[str] = field(default_factory=Counter)
    handshakes: int = 0

    async def handle(self, request: web.Request) -> web.Response:
        token = request.query.get("validationToken")
        if token is not None:
            self.handshakes += 1
            await asyncio.sleep(self.delay)
            return web.Response(text=token)
        for item in (await request.json())["value"]:
            self.events[item["resourceData"]["id"]] += 1
        return web.Response(status=202)


@dataclass
class Replica:
    """One operator, as the installation runs it."""

    name: str
    environ: dict[str, str]
    log: Path
    health_port: int
    python: Path = Path(sys.executable)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [str(self.python), "-m", "kopf", "run", "--module=outlook_addin_operator.main"]
        command += ["--standalone", "--all-namespaces"]
        command += [f"--liveness=http://127.0.0.1:{self.health_port}/healthz"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, env=self.environ, stdout=log, stderr=log, cwd=ROOT)

    def end(self, how: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None


@dataclass
class Scene:
    """Everything that runs."""

    plane: ControlPlane
    world: World
    endpoint: Endpoint
    ledger: Ledger
    replicas: list[Replica]
    mailboxes: dict[str, str] = field(default_factory=dict)
    """Names of CalendarSubscriptions by user id."""
    moves: int = 0
    """How often an add-in has moved to another URL."""

    async def kubectl(self, *arguments: str, text: str | None = None) -> str:
        return await asyncio.to_thread(
            self.plane.kubectl, "-n", NAMESPACE, *arguments, input_text=text, timeout=300
        )

    async def get(self, *arguments: str) -> Body:
        found: Body = json.loads(await self.kubectl("get", *arguments, "-o", "json"))
        return found

    async def leader(self) -> Replica | None:
        """Return who holds the Lease; None while nobody can tell."""
        try:
            lease = await self.get("lease", "outlook-addin-operator", "-n", SYSTEM)
        except KubectlError:
            return None
        holder = lease["spec"].get("holderIdentity", "").partition("_")[0]
        return next((each for each in self.replicas if each.name == holder), None)

    async def subscribe(self, addin: str, first: int, count: int) -> None:
        """Make mailboxes and their CalendarSubscriptions."""
        items = []
        for number in range(first, first + count):
            user_id = made_up_id(f"chaos/{number}")
            self.world.graph.add_mailbox(user_id, self.world.tenant_id, f"agent{number}@bank.example")
            self.mailboxes[user_id] = name = f"{addin}-{number}"
            spec = {"addinRef": {"name": addin}, "tenantId": self.world.tenant_id, "userId": user_id}
            kind = {"apiVersion": "outlook-addin.dev/v1alpha1", "kind": "CalendarSubscription"}
            items.append({**kind, "metadata": {"name": name}, "spec": spec})
        listed = {"apiVersion": "v1", "kind": "List", "items": items}
        await self.kubectl("create", "-f", "-", text=json.dumps(listed))

    async def until_all_are_live(self, seconds: float) -> None:
        """Wait until Graph has a subscription for every mailbox."""
        async with asyncio.timeout(seconds):
            while len(self.world.graph.subscriptions) < len(self.mailboxes):  # noqa: ASYNC110 - processes
                await asyncio.sleep(0.5)

    async def set_up(self, addin: str, lifetime: str) -> None:
        """Make an OutlookAddin, and do what a kubelet does to its pods."""
        world = self.world
        spec = {
            "deploymentUrl": self.endpoint.origin,
            "unbluOAuthBackendUrl": world.unblu.url,
            "clientId": world.client_id,
            "authority": f"{world.entra.origin}/common",
            "tenantIds": [world.tenant_id],
            "graphUrl": world.graph.origin,
            "syncServer": {
                "enabled": True,
                "authGateway": {"clientId": world.gateway_client_id},
                "subscriptionExpiration": lifetime,
            },
            "proxy": {"caBundleRef": {"name": "demo-ca"}},
        }
        body = {"apiVersion": "outlook-addin.dev/v1alpha1", "kind": "OutlookAddin", "spec": spec}
        await self.kubectl("apply", "-f", "-", text=json.dumps({**body, "metadata": {"name": addin}}))
        async with asyncio.timeout(PATIENCE):
            while not await self.serves(addin):
                await self._make_pods_ready()
                await asyncio.sleep(0.5)

    async def serves(self, addin: str) -> bool:
        status = (await self.get("oaddin", addin)).get("status", {})
        return any(
            item["type"] == "Ready" and item["status"] == "True" for item in status.get("conditions", ())
        )

    async def _make_pods_ready(self) -> None:
        ready = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
        patch = json.dumps({"status": ready})
        for pod in (await self.get("pods"))["items"]:
            name = pod["metadata"]["name"]
            try:
                await self.kubectl("patch", "pod", name, "--subresource=status", "--type=merge", "-p", patch)
            except KubectlError:
                continue  # replaced meanwhile

    async def keep_pods_ready(self) -> None:
        """Go on as a kubelet, while pods are rolled."""
        while True:
            with suppress(KubectlError):
                await self._make_pods_ready()
            await asyncio.sleep(2)


@asynccontextmanager
async def scene(folder: Path) -> AsyncIterator[Scene]:
    """Set everything up but the mailboxes."""
    async with AsyncExitStack() as stack:
        plane = stack.enter_context(ControlPlane())
        world = await stack.enter_async_context(World.start(WorldSettings(folder=folder / "world")))
        endpoint = await stack.enter_async_context(serve())
        world.graph.faults.minimum_lifetime = 1.0
        ledger = Ledger(world.graph.subscriptions)
        _install(plane, world)
        replicas = [_replica(plane, folder, name) for name in ("one", "other")]
        for replica in replicas:
            stack.callback(replica.end, signal.SIGTERM)
            replica.start()
        yield Scene(plane, world, endpoint, ledger, replicas)


def _install(plane: ControlPlane, world: World) -> None:
    run = plane.kubectl
    run("apply", "--server-side", "-k", str(ROOT / "crds"))
    run("wait", ESTABLISHED, "crd", "--all", "--timeout=60s")
    run("apply", "-f", str(ROOT / "manifests" / "namespace.yaml"))
    for name in ("operator-rbac.yaml", "web-role.yaml"):
        run("apply", "-n", SYSTEM, "-f", str(ROOT / "manifests" / name))
    run("create", "namespace", NAMESPACE)
    plane.wait_for(f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/default")
    credentials(plane, world)


def credentials(plane: ControlPlane, world: World) -> None:
    """Apply the Secret and the CA bundle that the OutlookAddins name."""
    secrets = {
        "CLIENT_SECRET": world.client_secret,
        "SYNCSERVER_AUTH_GATEWAY_CLIENT_SECRET": world.gateway_client_secret,
    }
    data = {key: base64.b64encode(value.encode()).decode() for key, value in secrets.items()}
    for body in (
        {"kind": "Secret", "metadata": {"name": "outlook-addin-secrets"}, "data": data},
        {
            "kind": "ConfigMap",
            "metadata": {"name": "demo-ca"},
            "data": {"ca.crt": world.ca_bundle.read_text()},
        },
    ):
        text = json.dumps({"apiVersion": "v1", **body})
        plane.kubectl("apply", "-n", NAMESPACE, "-f", "-", input_text=text)


def _replica(plane: ControlPlane, folder: Path, name: str) -> Replica:
    kubeconfig = plane.kubeconfig_for_service_account(SYSTEM, "outlook-addin-operator")
    health, metrics = free_ports(2)
    own = {
        "KUBECONFIG": str(kubeconfig),
        "LISTEN_ADDRESS": "127.0.0.1",
        "METRICS_PORT": str(metrics),
        "POD_ID": name,
        "POD_NAMESPACE": SYSTEM,
        "WEB_IMAGE": "web:test",
        "LEASE_DURATION": str(LEASE_SECONDS),
        "COMPARE_INTERVAL": "120",
    }
    base = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
    return Replica(name, {**base, **own}, folder / f"{name}.log", health)


@asynccontextmanager
async def serve() -> AsyncIterator[Endpoint]:
    """Let Graph deliver."""
    socket = bind()
    endpoint = Endpoint(f"http://addin.localhost:{socket.getsockname()[1]}")
    app = web.Application()
    app.router.add_post("/{path:.*}", endpoint.handle)
    async with served(web.AppRunner(app, access_log=None, shutdown_timeout=1), socket):
        yield endpoint

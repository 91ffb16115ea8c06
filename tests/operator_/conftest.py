"""The operator as a process, in front of a real API server and simulated Microsoft services."""

import asyncio
import base64
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from aiohttp import web

from operator_.mill import Mill, TurnedClock
from operator_.web_endpoint import web_server
from outlook_addin_sandbox.cluster.control_plane import ControlPlane
from outlook_addin_sandbox.cluster.errors import KubectlError
from outlook_addin_sandbox.cluster.kubectl import ESTABLISHED
from outlook_addin_sandbox.world import World, WorldSettings

ROOT = Path(__file__).parents[2]
SYSTEM = "outlook-addin-system"
PATIENCE = 40.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class OperatorProcess:
    """`kopf run` as the installation runs it, with the rights that the installation gives it."""

    environ: dict[str, str]
    log: Path
    health_port: int
    metrics_port: int
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [
            sys.executable,
            "-m",
            "kopf",
            "run",
            "--module=outlook_addin_operator.main",
            "--standalone",
        ]
        command += ["--all-namespaces", f"--liveness=http://127.0.0.1:{self.health_port}/healthz"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, env=self.environ, stdout=log, stderr=log, cwd=ROOT)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    def kill(self) -> None:
        """End it as a crash does: nothing is finished, nothing is released."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.process = None

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """Let it stand still, as on a machine that is suspended; its connections stay open."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def healthy(self) -> bool:
        try:
            return httpx2.get(f"http://127.0.0.1:{self.health_port}/healthz").is_success
        except httpx2.RequestError:
            return False

    def metrics(self) -> str:
        return httpx2.get(f"http://127.0.0.1:{self.metrics_port}/metrics").text


@pytest.fixture(scope="session")
def installed(control_plane: ControlPlane) -> ControlPlane:
    """The control plane with our kinds and the operator's rights."""
    run = control_plane.kubectl
    run("apply", "-f", str(ROOT / "crds" / "outlookaddins.yaml"))
    run("apply", "-f", str(ROOT / "crds" / "calendarsubscriptions.yaml"))
    run("wait", ESTABLISHED, "crd", "--all", "--timeout=30s")
    run("apply", "-f", str(ROOT / "manifests" / "namespace.yaml"))
    for name in ("operator-rbac.yaml", "web-role.yaml"):
        run("apply", "-n", SYSTEM, "-f", str(ROOT / "manifests" / name))
    return control_plane


@pytest.fixture(scope="session")
def operator_process(
    installed: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OperatorProcess]:
    """The running operator, which all tests of the session share."""
    process = make_operator(installed, tmp_path_factory, "test")
    process.start()
    yield process
    process.stop()
    sys.stdout.write(process.log.read_text())


@pytest.fixture
def second_operator(
    installed: ControlPlane, tmp_path_factory: pytest.TempPathFactory, operator_process: OperatorProcess
) -> Iterator[OperatorProcess]:
    """Another replica, to be started; what a test did to the first one is undone at the end."""
    process = make_operator(installed, tmp_path_factory, "second")
    yield process
    process.stop()
    if operator_process.process is None:
        operator_process.start()


def make_operator(installed: ControlPlane, folders: pytest.TempPathFactory, identity: str) -> OperatorProcess:
    kubeconfig = installed.kubeconfig_for_service_account(SYSTEM, "outlook-addin-operator")
    health, metrics = free_port(), free_port()
    own = {
        "KUBECONFIG": str(kubeconfig),
        "LISTEN_ADDRESS": "127.0.0.1",
        "METRICS_PORT": str(metrics),
        "POD_ID": identity,
        "POD_NAMESPACE": SYSTEM,
        "LEASE_DURATION": "6",
        "WEB_IMAGE": "web:test",
    }
    base = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
    log = folders.mktemp("operator") / "log.txt"
    return OperatorProcess({**base, **own}, log, health, metrics)


class Here:
    """One namespace as a test sees it: reads, writes, and waiting for what it wants to see."""

    def __init__(self, plane: ControlPlane, namespace: str, process: OperatorProcess) -> None:
        self._kubectl = plane.kubectl
        self._environ = {
            "PATH": os.pathsep.join((str(plane.kubectl.program.parent), os.environ["PATH"])),
            "KUBECONFIG": str(plane.kubeconfig),
        }
        self.namespace = namespace
        self.process = process

    async def kubectl(self, *arguments: str, text: str | None = None) -> str:
        return await asyncio.to_thread(self._kubectl, "-n", self.namespace, *arguments, input_text=text)

    async def outlook(self, command: str, *arguments: str) -> str:
        """Return what `kubectl outlook` prints."""
        program = Path(sys.executable).with_name("kubectl-outlook")
        process = await asyncio.create_subprocess_exec(
            program, command, "-n", self.namespace, *arguments, env=self._environ, stdout=subprocess.PIPE
        )
        output, _ = await process.communicate()
        assert process.returncode == 0
        return output.decode()

    async def apply(self, *bodies: dict[str, Any]) -> None:
        await self.kubectl(
            "apply", "-f", "-", text=json.dumps({"apiVersion": "v1", "kind": "List", "items": bodies})
        )

    async def get(self, kind: str, name: str) -> dict[str, Any] | None:
        try:
            body: dict[str, Any] = json.loads(await self.kubectl("get", kind, name, "-o", "json"))
        except KubectlError as error:
            if "NotFound" in str(error):
                return None
            raise
        return body

    async def list(self, kind: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = json.loads(await self.kubectl("get", kind, "-o", "json"))["items"]
        return items

    async def until(self, kind: str, name: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Return the object as soon as it is as wanted."""
        body: dict[str, Any] | None = None
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while asyncio.get_running_loop().time() < deadline:
            body = await self.get(kind, name)
            if body is not None and holds(body):
                return body
            await asyncio.sleep(0.2)
        log = await asyncio.to_thread(self.process.log.read_text)
        raise AssertionError(f"{kind} {name} is {json.dumps(body, indent=1)}\n{log[-3000:]}")

    async def until_gone(self, kind: str, name: str) -> None:
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while await self.get(kind, name) is not None:
            assert asyncio.get_running_loop().time() < deadline, f"{kind} {name} is still there"
            await asyncio.sleep(0.2)

    async def until_healthy(self) -> None:
        while not await asyncio.to_thread(self.process.healthy):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.2)

    async def make_pods_ready(self) -> None:
        """Do what a kubelet does to the status of pods, also while they are replaced."""
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while not await self._make_present_pods_ready():
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.2)

    async def _make_present_pods_ready(self) -> bool:
        pods = await self.list("pods")
        ready = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
        for pod in pods:
            patch = json.dumps({"status": ready})
            name = pod["metadata"]["name"]
            try:
                await self.kubectl("patch", "pod", name, "--subresource=status", "--type=merge", "-p", patch)
            except KubectlError as error:
                if "NotFound" in str(error):
                    return False
                raise
        return bool(pods)


@pytest.fixture
def here(installed: ControlPlane, namespace: str, operator_process: OperatorProcess) -> Here:
    """The test's namespace, watched by the operator."""
    return Here(installed, namespace, operator_process)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Entra and Graph, simulated."""
    async with World.start() as world:
        yield world


@pytest.fixture
async def endpoint() -> AsyncIterator[str]:
    """A web server that answers Graph's handshake, as the add-in's does; yields its origin."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=request.query.get("validationToken", ""))

    async with web_server(answer) as origin:
        yield origin


@pytest.fixture
def addin(world: World, endpoint: str) -> Callable[..., dict[str, Any]]:
    """Return a function that builds an OutlookAddin for the simulated world; sync on unless told."""

    def build(name: str = "desk", *, sync: bool = True, **spec: Any) -> dict[str, Any]:
        return {
            "apiVersion": "outlook-addin.dev/v1alpha1",
            "kind": "OutlookAddin",
            "metadata": {"name": name},
            "spec": {
                "deploymentUrl": endpoint,
                "unbluOAuthBackendUrl": world.unblu.url,
                "clientId": world.client_id,
                "authority": f"{world.entra.origin}/common",
                "tenantIds": [world.tenant_id],
                "graphUrl": world.graph.origin,
                "syncServer": {"enabled": sync, "authGateway": {"clientId": world.gateway_client_id}},
                "proxy": {"caBundleRef": {"name": "demo-ca"}},
                **spec,
            },
        }

    return build


@pytest.fixture
def credentials(world: World) -> list[dict[str, Any]]:
    """The Secret and the CA bundle that the OutlookAddin names."""
    values = {
        "CLIENT_SECRET": world.client_secret,
        "SYNCSERVER_AUTH_GATEWAY_CLIENT_SECRET": world.gateway_client_secret,
    }
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    return [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "outlook-addin-secrets"}, "data": data},
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "demo-ca"},
            "data": {"ca.crt": world.ca_bundle.read_text()},
        },
    ]


@pytest.fixture
def subscription(world: World) -> Callable[..., dict[str, Any]]:
    """Return a function that builds the CalendarSubscription of an agent."""

    def build(agent: int = 0, name: str = "", *, web_made: bool = False, **spec: Any) -> dict[str, Any]:
        person = world.agents[agent]
        labels = {"app.kubernetes.io/managed-by": "outlook-addin-web"} if web_made else {}
        return {
            "apiVersion": "outlook-addin.dev/v1alpha1",
            "kind": "CalendarSubscription",
            "metadata": {"name": name or f"desk-{agent}", "labels": labels},
            "spec": {
                "addinRef": {"name": "desk"},
                "tenantId": person.tenant_id,
                "userId": person.user_id,
                **spec,
            },
        }

    return build


@pytest.fixture
def clock() -> TurnedClock:
    """A clock that goes when the test turns it."""
    return TurnedClock()


@pytest.fixture
async def mill(clock: TurnedClock, endpoint: str) -> AsyncIterator[Mill]:
    """A mailbox, its OutlookAddin, and what keeps it subscribed."""
    async with World.start(WorldSettings(now=clock.now)) as world:
        mill = Mill(world, clock, endpoint)
        yield mill
        await mill.aclose()

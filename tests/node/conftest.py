"""What the tests share: a node on the session's control plane, and Pods that run a small HTTP server."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import aiohttp
import pytest
import pytest_asyncio
import pytest_socket

from outlook_addin_sandbox.cluster.control_plane import ControlPlane
from outlook_addin_sandbox.node import LocalNode
from outlook_addin_sandbox.node.addresses import local
from outlook_addin_sandbox.node.api import ApiServer

SERVER = Path(__file__).with_name("http_server.py").read_text()
T = TypeVar("T")
DEADLINE = 40.0


@pytest.hookimpl(trylast=True)
def pytest_runtest_setup() -> None:
    """Every Pod of the local node has a loopback address of its own."""
    pytest_socket.socket_allow_hosts(["127.0.0.0/8", "::1", "localhost"], allow_unix_socket=True)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node(
    control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[LocalNode]:
    name = f"node-{uuid4().hex[:6]}"
    serving = control_plane.serving_certificate(name, "127.0.0.1")
    root = tmp_path_factory.mktemp("node")
    async with LocalNode(kubeconfig=control_plane.kubeconfig, root=root, name=name, serving=serving) as node:
        yield node


class Cluster:
    """Objects of one test's namespace, and its Pods' answers."""

    def __init__(self, api: ApiServer, http: aiohttp.ClientSession, namespace: str, node: LocalNode) -> None:
        self.api = api
        self.http = http
        self.namespace = namespace
        self.core = f"/api/v1/namespaces/{namespace}"
        self.apps = f"/apis/apps/v1/namespaces/{namespace}"
        self._node = node

    def pod_spec(self, **changes: Any) -> dict[str, Any]:
        """A Pod spec with one container `web`; keys of the container go in `container`."""
        container = {
            "name": "web",
            "image": "none",
            "command": ["python", "-c", SERVER],
            "ports": [{"name": "http", "containerPort": 8080}],
            "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 1},
            **changes.pop("container", {}),
        }
        return {
            "nodeSelector": {"kubernetes.io/hostname": self._node.name},
            "terminationGracePeriodSeconds": 5,
            "containers": [container],
            **changes,
        }

    async def create_pod(self, name: str = "web", **changes: Any) -> None:
        metadata = {"name": name, "labels": {"app": name}}
        await self.api.create(f"{self.core}/pods", {"metadata": metadata, "spec": self.pod_spec(**changes)})

    async def create_deployment(self, replicas: int, **changes: Any) -> None:
        template = {"metadata": {"labels": {"app": "web"}}, "spec": self.pod_spec(**changes)}
        spec = {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "strategy": {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": template,
        }
        body = {"metadata": {"name": "web"}, "spec": spec}
        await self.api.create(f"{self.apps}/deployments", body)

    async def create_config(self, kind: str, name: str, data: dict[str, str]) -> None:
        values = {"stringData": data} if kind == "secrets" else {"data": data}
        await self.api.create(f"{self.core}/{kind}", {"metadata": {"name": name}, **values})

    async def pods(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.api.get(f"{self.core}/pods"))["items"]  # type: ignore[index]
        return found

    async def ready_pods(self) -> list[dict[str, Any]]:
        return [pod for pod in await self.pods() if is_ready(pod)]

    async def status(self, pod: str = "web") -> dict[str, Any]:
        """The status of the only container, with the Pod's IP and phase."""
        status = ((await self.api.get(f"{self.core}/pods/{pod}")) or {}).get("status", {})
        (container,) = status.get("containerStatuses", [{"state": {}, "restartCount": 0, "lastState": {}}])
        return {**container, "phase": status.get("phase"), "podIP": status.get("podIP")}

    async def ready(self, pod: str = "web") -> str:
        """Wait until the Pod is ready; the answer is where it listens."""
        status = await self.until(lambda: self.status(pod), lambda status: status.get("ready", False))
        return local(status["podIP"])

    async def ask(self, address: str, path: str) -> str:
        async with self.http.get(f"http://{address}:8080/{path}") as response:
            return await response.text()

    async def until(self, read: Callable[[], Awaitable[T]], satisfied: Callable[[T], object]) -> T:
        """Read again and again until the answer satisfies; fail with the last answer."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + DEADLINE
        while not satisfied(answer := await read()):
            assert loop.time() < deadline, answer
            await asyncio.sleep(0.1)
        return answer


def is_ready(pod: dict[str, Any]) -> bool:
    conditions = pod["status"].get("conditions", [])
    return {"Ready": "True"}.items() <= {each["type"]: each["status"] for each in conditions}.items()


@pytest_asyncio.fixture(loop_scope="module")
async def cluster(control_plane: ControlPlane, node: LocalNode, namespace: str) -> AsyncIterator[Cluster]:
    connector = aiohttp.TCPConnector(force_close=True)  # on a kept connection, aiohttp asks twice
    async with (
        ApiServer.connect(control_plane.kubeconfig) as api,
        aiohttp.ClientSession(connector=connector) as http,
    ):
        yield Cluster(api, http, namespace, node)

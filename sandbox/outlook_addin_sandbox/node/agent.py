"""The agent of the local node: one task per Pod that the scheduler has bound to it."""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, Self

import aiohttp

from outlook_addin_sandbox import tls
from outlook_addin_sandbox.cluster.certificates import KeyPair
from outlook_addin_sandbox.node import tasks
from outlook_addin_sandbox.node.addresses import pod_address
from outlook_addin_sandbox.node.api import ApiError, ApiServer
from outlook_addin_sandbox.node.logs_server import LogsServer, RunLog
from outlook_addin_sandbox.node.memory import MemoryWatch
from outlook_addin_sandbox.node.node_object import LEASES, NODES, lease, node, node_status
from outlook_addin_sandbox.node.pod_runner import PodRunner
from outlook_addin_sandbox.node.preparation import HOST_IP, NodeServices

_HEARTBEAT_SECONDS: Final = 10.0
_STOP_GRACE: Final = 5.0

_log = logging.getLogger(__name__)


class LocalNode:
    """A node whose Pods are processes of this machine; see the package for what that means.

    Use it as an asynchronous context manager: it registers on entry; on exit it ends all processes, removes
    its Node object and leaves the Pods to whoever comes next under its name.

    Args:
        kubeconfig: credentials of an administrator.
        root: folder for the files and logs of the Pods; made when it is missing.
        name: name of the Node.
        serving: server certificate for `kubectl logs`, for 127.0.0.1; needed when the API server checks it,
            see `ControlPlane.serving_certificate`. Without one the node makes its own.
    """

    def __init__(
        self, *, kubeconfig: Path, root: Path, name: str = "local", serving: KeyPair | None = None
    ) -> None:
        self.name = name
        self._serving = serving
        self._kubeconfig = kubeconfig
        self._root = root.resolve()
        self._since = datetime.now(UTC)
        self._stack = contextlib.AsyncExitStack()
        self._runners: dict[str, PodRunner] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as stack:
            self._api = await stack.enter_async_context(ApiServer.connect(self._kubeconfig))
            connector = aiohttp.TCPConnector(force_close=True)
            http = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
            self._services = NodeServices(self._api, self._root, MemoryWatch(), http)
            logs = await stack.enter_async_context(LogsServer(self._find_log, HOST_IP, await self._tls()))
            await self._register(logs.port)
            stack.push_async_callback(self._leave)
            for work in (self._services.memory.run(), self._heartbeat(logs.port), self._follow_pods()):
                stack.push_async_callback(tasks.cancel, tasks.start(work, f"node {self.name}"))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def log_path(self, pod: str, container: str = "") -> Path:
        """Say where a container of a Pod (`namespace/name`) writes its output; by default its first one.

        Raises:
            KeyError: there is no such Pod or container on this node.
        """
        return self._find_log(pod, container, False).path

    def peak_memory(self, pod: str) -> int:
        """Say how many bytes the present processes of a Pod (`namespace/name`) have used at most."""
        return sum(container.peak_memory for container in self._find(pod).containers.values())

    def _find_log(self, pod: str, container: str, previous: bool) -> RunLog:  # noqa: FBT001 (FindLog)
        containers = self._find(pod).containers
        chosen = containers[container] if container else next(iter(containers.values()))
        number = chosen.state.restarts - previous
        return RunLog(chosen.log_of(number), lambda: chosen.runs(number))

    def _find(self, pod: str) -> PodRunner:
        for runner in self._runners.values():
            if runner.name == pod:
                return runner
        raise KeyError(pod)

    async def _tls(self) -> ssl.SSLContext:
        if self._serving is None:
            return (await asyncio.to_thread(tls.ensure, self._root / "tls")).server_context()
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self._serving.certificate, self._serving.key)
        return context

    async def _register(self, logs_port: int) -> None:
        await self._create_or_keep(NODES, node(self.name))
        await self._create_or_keep(LEASES, lease(self.name, datetime.now(UTC)))
        await self._beat(logs_port)

    async def _create_or_keep(self, path: str, body: Mapping[str, Any]) -> None:
        try:
            await self._api.create(path, body)
        except ApiError as error:
            if error.status != HTTPStatus.CONFLICT:
                raise

    async def _heartbeat(self, logs_port: int) -> None:
        while True:
            await asyncio.sleep(_HEARTBEAT_SECONDS)
            try:
                await self._beat(logs_port)
            except (TimeoutError, aiohttp.ClientError, ApiError) as error:
                _log.info("Heartbeat of node %s failed: %s", self.name, error)

    async def _beat(self, logs_port: int) -> None:
        now = datetime.now(UTC)
        await self._api.patch(f"{LEASES}/{self.name}", {"spec": lease(self.name, now)["spec"]})
        await self._api.patch(
            f"{NODES}/{self.name}/status", node_status(HOST_IP, logs_port, self._since, now)
        )

    async def _follow_pods(self) -> None:
        async for pods in self._api.follow("/api/v1/pods", fieldSelector=f"spec.nodeName={self.name}"):
            for uid, pod in pods.items():
                if uid not in self._runners:
                    self._start(uid, pod)
                self._runners[uid].update(pod)
            for uid in self._runners.keys() - pods.keys():
                self._runners[uid].vanish()

    def _start(self, uid: str, pod: Mapping[str, Any]) -> None:
        taken = {runner.pod_ip for runner in self._runners.values()}
        runner = self._runners[uid] = PodRunner(pod, pod_address(uid, taken), self._services)
        self._tasks[uid] = tasks.start(self._run(uid, runner), f"pod {runner.name}")

    async def _run(self, uid: str, runner: PodRunner) -> None:
        try:
            await runner.run()
        finally:
            del self._runners[uid], self._tasks[uid]

    async def _leave(self) -> None:
        await asyncio.gather(*(runner.stop(_STOP_GRACE) for runner in self._runners.values()))
        await asyncio.gather(*(tasks.cancel(task) for task in self._tasks.values()))
        with contextlib.suppress(TimeoutError, aiohttp.ClientError, ApiError):
            await self._api.delete(f"{NODES}/{self.name}")

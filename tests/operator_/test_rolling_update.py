"""A rolling update of the real web server, under load, with pods that run as processes."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import pytest_socket

from outlook_addin_sandbox.node import LocalNode, ServiceRoute

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from operator_.conftest import Here
    from outlook_addin_sandbox.cluster.control_plane import ControlPlane

    Build = Callable[..., dict[str, Any]]

NODE = "rolling"


@pytest.fixture
async def node(control_plane: ControlPlane, tmp_path: Path) -> AsyncIterator[LocalNode]:
    """A node of this machine; every pod has a loopback address of its own."""
    pytest_socket.socket_allow_hosts(["127.0.0.0/8", "::1", "localhost"], allow_unix_socket=True)
    serving = control_plane.serving_certificate(NODE, "127.0.0.1")
    async with LocalNode(
        kubeconfig=control_plane.kubeconfig, root=tmp_path, name=NODE, serving=serving
    ) as node:
        yield node


class Load:
    """Requests without a pause, each on a connection of its own."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.answers: list[int | str] = []

    async def run(self) -> None:
        connector = aiohttp.TCPConnector(force_close=True)  # on a kept connection, aiohttp asks twice
        async with aiohttp.ClientSession(connector=connector) as session:
            while True:
                self.answers.append(await self._ask(session))
                await asyncio.sleep(0.01)

    async def _ask(self, session: aiohttp.ClientSession) -> int | str:
        try:
            async with session.get(self._url) as response:
                await response.read()
                return response.status
        except aiohttp.ClientError as error:
            return type(error).__name__


def is_rolled_out(body: dict[str, Any]) -> bool:
    status, wanted = body.get("status", {}), body["spec"]["replicas"]
    counts = (status.get(key) for key in ("replicas", "updatedReplicas", "availableReplicas"))
    return status.get("observedGeneration") == body["metadata"]["generation"] and set(counts) == {wanted}


def config_hash(deployment: dict[str, Any]) -> str:
    value: str = deployment["spec"]["template"]["metadata"]["annotations"]["outlook-addin.dev/config-hash"]
    return value


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.05)


@pytest.mark.timeout(180)
@pytest.mark.usefixtures("node")
async def test_no_request_is_lost_while_a_changed_configuration_rolls_the_pods(
    here: Here, addin: Build, control_plane: ControlPlane
) -> None:
    placed = {"nodeSelector": {"kubernetes.io/hostname": NODE}}
    await here.apply(addin(sync=False, proxy={}, replicas=2, podTemplate=placed))
    first = await here.until("deployment", "desk", is_rolled_out)
    pods = [pod["metadata"]["name"] for pod in await here.list("pods")]
    async with ServiceRoute(
        kubeconfig=control_plane.kubeconfig, namespace=here.namespace, service="desk", port="http"
    ) as route:
        await until(lambda: len(route.backends) == 2)
        load = Load(f"http://127.0.0.1:{route.port}/addin/manifest.xml")
        running = [asyncio.create_task(load.run()) for _ in range(4)]
        patch = json.dumps({"spec": {"logLevel": "debug"}})
        await here.kubectl("patch", "oaddin", "desk", "--type=merge", "-p", patch)
        await here.until("deployment", "desk", lambda body: config_hash(body) != config_hash(first))
        await here.until("deployment", "desk", is_rolled_out)
        for pod in pods:
            await here.until_gone("pod", pod)
        assert not any(task.done() for task in running)
        for task in running:
            task.cancel()
    assert len(load.answers) > 200
    assert set(load.answers) == {200}

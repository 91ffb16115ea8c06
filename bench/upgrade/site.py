"""A cluster whose operator is exchanged while it works."""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import aiohttp

from bench.chaos.ledger import Ledger
from bench.chaos.scene import NAMESPACE, SYSTEM, Replica, Scene, credentials, serve
from bench.upgrade.release import Body, Release
from outlook_addin_sandbox.cluster.control_plane import ControlPlane
from outlook_addin_sandbox.cluster.kubectl import ESTABLISHED
from outlook_addin_sandbox.cluster.ports import free_ports
from outlook_addin_sandbox.world import World, WorldSettings

PATIENCE = 60.0
DEPLOYMENT = "outlook-addin-operator"


@dataclass
class Site:
    """Where the versions take turns."""

    scene: Scene
    folder: Path
    started: int = 0
    history: list[str] = field(default_factory=list)

    async def install(self, release: Release, *, kinds: bool) -> None:
        """Apply a version's manifests, and exchange the operator's pods as its Deployment says.

        Args:
            release: The version to come.
            kinds: Whether its CustomResourceDefinitions are applied, too: on the way back they are not.
        """
        plane = self.scene.plane
        bodies = await asyncio.to_thread(release.manifests, plane.kubectl)
        definitions = [body for body in bodies if body["kind"] == "CustomResourceDefinition"]
        if kinds:
            await self._apply(definitions)
            await self.scene.kubectl("wait", ESTABLISHED, "crd", "--all", "--timeout=60s")
        [deployment] = [body for body in bodies if body["kind"] == "Deployment"]
        await self._apply([body for body in bodies if body not in [*definitions, deployment]])
        await self._roll(release, deployment)
        self.history.append(release.name)

    async def _roll(self, release: Release, deployment: Body) -> None:
        """Replace the pods one by one, or all at once, as the Deployment's strategy says."""
        spec, before = deployment["spec"], list(self.scene.replicas)
        if spec["strategy"]["type"] == "Recreate":
            await self._end(before)
            before.clear()
        for _ in range(spec["replicas"]):
            await self._begin(release)
            await self._end(before[:1])
            del before[:1]
        await self._end(before)

    async def _begin(self, release: Release) -> None:
        self.started += 1
        name = f"operator-{self.started}"
        health, metrics = free_ports(2)
        account = (SYSTEM, "outlook-addin-operator")
        kubeconfig = await asyncio.to_thread(self.scene.plane.kubeconfig_for_service_account, *account)
        own = {
            "KUBECONFIG": str(kubeconfig),
            "LISTEN_ADDRESS": "127.0.0.1",
            "METRICS_PORT": str(metrics),
            "POD_ID": name,
            "POD_NAMESPACE": SYSTEM,
            "WEB_IMAGE": "web:test",
            "LEASE_DURATION": "6",
            "COMPARE_INTERVAL": "20",
        }
        base = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
        environ = {**base, **release.environ(), **own}
        replica = Replica(name, environ, self.folder / f"{name}.log", health, python=release.python)
        self.scene.replicas.append(replica)
        replica.start()
        await self._healthy(replica)

    async def _healthy(self, replica: Replica) -> None:
        """Wait for what the readiness probe of the Deployment asks."""
        url, deadline = f"http://127.0.0.1:{replica.health_port}/healthz", time.monotonic() + PATIENCE
        while not await _answers(url):
            if time.monotonic() > deadline or replica.process is None or replica.process.poll() is not None:
                raise RuntimeError(f"{replica.name} does not work:\n{replica.log.read_text()[-3000:]}")
            await asyncio.sleep(0.3)

    async def _end(self, replicas: list[Replica]) -> None:
        for replica in list(replicas):
            await asyncio.to_thread(replica.end, signal.SIGTERM)
            self.scene.replicas.remove(replica)

    async def _apply(self, bodies: list[Body]) -> None:
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": bodies})
        command = ("apply", "--server-side", "--force-conflicts", "-f", "-")
        await asyncio.to_thread(self.scene.plane.kubectl, *command, input_text=text, timeout=60)

    def end(self) -> None:
        """Stop whatever runs."""
        for replica in self.scene.replicas:
            replica.end(signal.SIGTERM)

    def ids(self) -> dict[str, str]:
        """Return the subscription that Graph has for each mailbox."""
        return {each.user_id: each.id for each in self.scene.world.graph.subscriptions.values()}

    async def until_all_are_renewed(self, seconds: float) -> float:
        """Wait until each subscription was renewed from now on; returns how long it took."""
        began, now = time.monotonic(), datetime.now(UTC)
        subscriptions = self.scene.world.graph.subscriptions
        while any((each.renewed or now) <= now for each in subscriptions.values()):
            if time.monotonic() - began > seconds:
                raise TimeoutError(f"not all subscriptions were renewed within {seconds:g} s")
            await asyncio.sleep(0.5)
        return time.monotonic() - began


async def _answers(url: str) -> bool:
    try:
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return answer.ok
    except aiohttp.ClientError:
        return False


@asynccontextmanager
async def site(folder: Path) -> AsyncIterator[Site]:
    """Set up a cluster in which no operator was ever installed, and simulated Microsoft services."""
    async with AsyncExitStack() as stack:
        plane = stack.enter_context(ControlPlane())
        world = await stack.enter_async_context(World.start(WorldSettings(folder=folder / "world")))
        endpoint = await stack.enter_async_context(serve())
        world.graph.faults.minimum_lifetime = 1.0
        plane.kubectl("create", "namespace", SYSTEM)
        plane.kubectl("create", "namespace", NAMESPACE)
        plane.wait_for(f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/default")
        credentials(plane, world)
        scene = Scene(plane, world, endpoint, Ledger(world.graph.subscriptions), [])
        built = Site(scene, folder)
        stack.callback(built.end)
        yield built

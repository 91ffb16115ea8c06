"""Everything the demo starts, and what it can do with it: install, apply, look, delete.

The order is the one a customer would follow: there is a cluster, Microsoft 365 and Unblu exist, the operator
is installed from the manifests, and then an OutlookAddin is applied.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

from outlook_addin_sandbox.cluster.errors import KubectlError
from outlook_addin_sandbox.cluster.existing import Cluster
from outlook_addin_sandbox.cluster.kubectl import ESTABLISHED
from outlook_addin_sandbox.demo.project import MANIFESTS
from outlook_addin_sandbox.demo.resources import (
    Addresses,
    Registration,
    ca_bundle,
    invitation_text,
    on_the_local_node,
    outlook_addin,
    secret,
)
from outlook_addin_sandbox.node import LocalNode, ServiceRoute
from outlook_addin_sandbox.outlook import OutlookPage
from outlook_addin_sandbox.world import World, WorldSettings

JSON = dict[str, Any]
Found = TypeVar("Found")

NAMESPACE = "demo"
OPERATOR_NAMESPACE = "outlook-addin-system"
NODE = "outlook-addin-demo"
POLL_SECONDS = 0.3


class DemoError(Exception):
    """Something the demo waits for did not come true; the message says what was seen instead."""


@dataclass(frozen=True)
class Stack:
    """The running demo."""

    cluster: Cluster
    world: World
    node: LocalNode
    route: ServiceRoute
    page: OutlookPage

    @property
    def addin_origin(self) -> str:
        """Where browsers and Graph reach the add-in."""
        return f"http://addin.localhost:{self.route.port}"

    async def kubectl(self, *arguments: str, text: str | None = None, seconds: float = 60) -> str:
        """Run kubectl and return what it printed."""
        return await asyncio.to_thread(self.cluster.kubectl, *arguments, input_text=text, timeout=seconds)

    async def read(self, *arguments: str) -> JSON:
        """`kubectl get … -o json`; an empty list when nothing matches."""
        answer: JSON = json.loads(await self.kubectl("get", "-n", NAMESPACE, *arguments, "-o", "json"))
        return answer

    async def items(self, kind: str, *arguments: str) -> list[JSON]:
        """All objects of a kind."""
        listed: list[JSON] = (await self.read(kind, *arguments))["items"]
        return listed

    async def install_operator(self) -> None:
        """Apply the project's manifests and wait for the operator to be available."""
        rendered = await self.kubectl("kustomize", str(MANIFESTS))
        objects = [on_the_local_node(each, self.node.name) for each in yaml.safe_load_all(rendered)]
        await self._apply(each for each in objects if each["kind"] == "CustomResourceDefinition")
        names = [each["metadata"]["name"] for each in objects if each["kind"] == "CustomResourceDefinition"]
        crds = [f"crd/{name}" for name in names]
        await self.kubectl("wait", ESTABLISHED, *crds, "--timeout=30s")
        await self._apply(each for each in objects if each["kind"] != "CustomResourceDefinition")
        operator = ("deployment/outlook-addin-operator", "-n", OPERATOR_NAMESPACE)
        await self.kubectl("rollout", "status", *operator, "--timeout=90s", seconds=100)

    async def apply_addin(self) -> None:
        """Apply the OutlookAddin with its Secret and CA bundle, as a platform engineer would."""
        await self._apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}])
        await self._apply(self.resources())

    async def wait_until_ready(self) -> None:
        """Wait for the condition Ready, as `kubectl wait` sees it."""
        try:
            ready = ("--for=condition=Ready", "oaddin/outlook-addin", "-n", NAMESPACE)
            await self.kubectl("wait", *ready, "--timeout=90s", seconds=100)
        except KubectlError as error:
            seen = await self.kubectl("describe", "oaddin", "outlook-addin", "-n", NAMESPACE)
            raise DemoError(f"the OutlookAddin did not become Ready\n{error}\n{seen}") from error

    async def table(self) -> str:
        """What `kubectl get oaddin,csub` prints now."""
        with suppress(KubectlError):
            return (await self.kubectl("get", "oaddin,csub", "-n", NAMESPACE)) or "No resources found"
        return "…"

    async def clean_up(self) -> None:
        """Delete what the demo applied, the OutlookAddin first, and wait until it is gone."""
        wait, seconds = "--timeout=120s", 130
        await self.kubectl("delete", "oaddin,csub", "-n", NAMESPACE, "--all", wait, seconds=seconds)
        await self.kubectl("delete", "namespace", NAMESPACE, wait, seconds=seconds)
        rendered = await self.kubectl("kustomize", str(MANIFESTS))
        await self.kubectl("delete", "--ignore-not-found", wait, "-f", "-", text=rendered, seconds=seconds)

    def resources(self) -> list[JSON]:
        """Secret, ConfigMaps and OutlookAddin of the demo."""
        world = self.world
        registration = Registration(
            client_id=world.client_id,
            client_secret=world.client_secret,
            tenant_ids=(world.tenant_id,),
            gateway_client_id=world.gateway_client_id,
            gateway_client_secret=world.gateway_client_secret,
        )
        addresses = Addresses(
            addin=self.addin_origin,
            gateway=world.unblu.url,
            authority=f"{world.entra.origin}/common",
            graph=world.graph.url,
            outlook=self.page.url,
        )
        objects = [
            secret(registration),
            ca_bundle(world.ca_bundle.read_text()),
            invitation_text(),
            outlook_addin(addresses, registration),
        ]
        for each in objects:
            each["metadata"]["namespace"] = NAMESPACE
        return objects

    async def _apply(self, objects: Any) -> None:
        document = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
        await self.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", text=document)


@asynccontextmanager
async def start(cluster: Cluster, folder: Path) -> AsyncIterator[Stack]:
    """Start simulators, local node, route and page beside a cluster; nothing is applied to it yet.

    Args:
        cluster: entered already.
        folder: for the pods' files and logs.
    """
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(World.start(WorldSettings()))
        kubeconfig = cluster.kubeconfig
        route = await stack.enter_async_context(
            ServiceRoute(kubeconfig=kubeconfig, namespace=NAMESPACE, service="outlook-addin", port="http")
        )
        running: list[Stack] = []

        async def table() -> str:
            return await running[0].table() if running else ""

        addin_url = f"http://addin.localhost:{route.port}/addin"
        page = await stack.enter_async_context(
            OutlookPage.start(world, addin_url=addin_url, kubectl_table=table)
        )
        node = await stack.enter_async_context(
            LocalNode(kubeconfig=kubeconfig, root=folder, name=NODE, serving=cluster.node_certificate())
        )
        running.append(Stack(cluster, world, node, route, page))
        yield running[0]


async def until(what: str, look: Callable[[], Awaitable[Found | None]], seconds: float) -> Found:
    """Look again and again until something is found.

    Raises:
        DemoError: it was not found in time.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while loop.time() < deadline:
        found = await look()
        if found:
            return found
        await asyncio.sleep(POLL_SECONDS)
    raise DemoError(f"not within {seconds:g} s: {what}")

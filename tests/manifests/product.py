"""The product as its manifests install it, on a control plane of its own that notes who asks for what.

The local node runs the Deployments' pods as processes, with the tokens of their service accounts. Microsoft's
services and Unblu are simulated.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from manifests.kustomize import rendered
from outlook_addin_sandbox.cluster.audit import AuditLog
from outlook_addin_sandbox.cluster.control_plane import ControlPlane
from outlook_addin_sandbox.cluster.errors import KubectlError
from outlook_addin_sandbox.cluster.kubectl import ESTABLISHED
from outlook_addin_sandbox.demo.resources import (
    Addresses,
    Registration,
    ca_bundle,
    invitation_text,
    outlook_addin,
    secret,
)
from outlook_addin_sandbox.loopback import LoopbackResolver
from outlook_addin_sandbox.node import LocalNode, ServiceRoute
from outlook_addin_sandbox.world import Agent, World, WorldSettings

SYSTEM, ADDIN = "outlook-addin-system", "outlook-addin"
OPERATOR = f"system:serviceaccount:{SYSTEM}:outlook-addin-operator"
PATIENCE = 60.0
JSON = dict[str, Any]


@dataclass(frozen=True)
class Product:
    """The installed product, and one namespace in which somebody uses it."""

    plane: ControlPlane
    audit: AuditLog
    world: World
    node: LocalNode
    namespace: str
    origin: str
    installed: list[JSON]

    @property
    def web(self) -> str:
        """Who the web pods are."""
        return f"system:serviceaccount:{self.namespace}:{ADDIN}"

    async def kubectl(self, *arguments: str, text: str | None = None) -> str:
        return await asyncio.to_thread(
            self.plane.kubectl, "-n", self.namespace, *arguments, input_text=text, timeout=100
        )

    async def apply(self, *bodies: JSON, namespace: str | None = None) -> None:
        listed = {"apiVersion": "v1", "kind": "List", "items": list(bodies)}
        where = ("-n", namespace or self.namespace)
        command = ("apply", "--server-side", "--force-conflicts", "-f", "-")
        await self.kubectl(*command, *where, text=json.dumps(listed))

    async def change(self, **spec: Any) -> None:
        """Change the OutlookAddin's spec; None removes a field."""
        patch = json.dumps({"spec": spec})
        await self.kubectl("patch", "oaddin", ADDIN, "--type=merge", "-p", patch)

    async def annotate(self, kind: str, name: str, key: str, value: str) -> None:
        await self.kubectl("annotate", "--overwrite", kind, name, f"outlook-addin.dev/{key}={value}")

    async def get(self, kind: str, name: str, namespace: str | None = None) -> JSON | None:
        where = ("-n", namespace or self.namespace)
        text = await self.kubectl("get", kind, name, "-o", "json", "--ignore-not-found", *where)
        found: JSON | None = json.loads(text) if text else None
        return found

    async def until(self, kind: str, name: str, holds: Callable[[JSON], object] = bool) -> JSON:
        """Return the object as soon as it is there and as wanted."""
        body: JSON | None = None

        async def seen() -> bool:
            nonlocal body
            body = await self.get(kind, name)
            return body is not None and bool(holds(body))

        if not await _eventually(seen):
            raise AssertionError(f"{kind} {name} is {json.dumps(body, indent=1)}\n{await self.told()}")
        assert body is not None
        return body

    async def until_gone(self, kind: str, name: str) -> None:
        async def gone() -> bool:
            return await self.get(kind, name) is None

        assert await _eventually(gone), f"{kind} {name} is still there\n{await self.told()}"

    async def told(self) -> str:
        """Return the ends of the pods' logs."""
        places = ((SYSTEM, "component=operator"), (self.namespace, "component=web"))
        return "\n".join([await self._log(namespace, label) for namespace, label in places])

    async def _log(self, namespace: str, label: str) -> str:
        chosen = ("-n", namespace, "-l", f"app.kubernetes.io/{label}", "--tail=20", "--prefix")
        try:
            return await self.kubectl("logs", *chosen)
        except KubectlError as error:
            return str(error)

    def resources(self) -> list[JSON]:
        """Secret, CA bundle and OutlookAddin, as somebody applies them."""
        world = self.world
        registration = Registration(
            client_id=world.client_id,
            client_secret=world.client_secret,
            tenant_ids=(world.tenant_id,),
            gateway_client_id=world.gateway_client_id,
            gateway_client_secret=world.gateway_client_secret,
        )
        addresses = Addresses(
            addin=self.origin,
            gateway=world.unblu.url,
            authority=f"{world.entra.origin}/common",
            graph=world.graph.url,
            outlook="https://outlook.bank.example",
        )
        bundle = ca_bundle(world.ca_bundle.read_text())
        return [secret(registration), bundle, invitation_text(), outlook_addin(addresses, registration)]

    async def use(self, agent: Agent) -> str:
        """Open the pane as an agent does; returns the name of the mailbox's CalendarSubscription."""
        headers = {"Authorization": f"Bearer {self.world.user_token(agent)}"}
        connector = aiohttp.TCPConnector(resolver=LoopbackResolver())
        async with (
            aiohttp.ClientSession(connector=connector, headers=headers) as session,
            session.put(f"{self.origin}/addin/api/mailbox") as answer,
        ):
            told = await answer.json()
            assert answer.status == 200, told
            return str(told["subscription"]["name"])


async def _eventually(holds: Callable[[], Any]) -> bool:
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while asyncio.get_running_loop().time() < deadline:
        if await holds():
            return True
        await asyncio.sleep(0.3)
    return False


def is_ready(body: JSON) -> bool:
    return condition(body, "Ready") == "True"


def condition(body: JSON, kind: str) -> str | None:
    """Return the status of a condition of the object as it is now; None while nobody has looked at it."""
    status = body.get("status", {})
    if status.get("observedGeneration") != body["metadata"]["generation"]:
        return None
    return next((each["status"] for each in status.get("conditions", ()) if each["type"] == kind), None)


@asynccontextmanager
async def installed(
    folder: Path,
    namespace: str,
    *components: str,
    first: tuple[JSON, ...] = (),
    change: Callable[[JSON], JSON] = lambda body: body,
) -> AsyncIterator[Product]:
    """Start everything, apply the manifests with these components, and wait for the operator.

    Args:
        folder: Empty; for the pods' files and for certificates.
        namespace: Where the product is used.
        first: Objects that are in the cluster before.
        change: Makes of each object of the installation what is applied.
    """
    async with AsyncExitStack() as stack:
        plane = stack.enter_context(ControlPlane(audited=True))
        assert plane.audit is not None
        (folder / "kustomize").mkdir(parents=True)
        bodies = [change(body) for body in rendered(plane.kubectl, folder / "kustomize", *components)]
        world = await stack.enter_async_context(World.start(WorldSettings(folder=folder / "world")))
        route = await stack.enter_async_context(
            ServiceRoute(kubeconfig=plane.kubeconfig, namespace=namespace, service=ADDIN, port="http")
        )
        node = await stack.enter_async_context(
            LocalNode(kubeconfig=plane.kubeconfig, root=folder / "node", serving=plane.node_certificate())
        )
        origin = f"http://addin.localhost:{route.port}"
        product = Product(plane, plane.audit, world, node, namespace, origin, bodies)
        await _install(product, first)
        yield product


async def _install(product: Product, first: tuple[JSON, ...]) -> None:
    kinds = [body for body in (*first, *product.installed) if body["kind"] == "CustomResourceDefinition"]
    await product.apply(*kinds)
    names = [f"crd/{body['metadata']['name']}" for body in kinds]
    await product.kubectl("wait", ESTABLISHED, *names, "--timeout=30s")
    if product.namespace != SYSTEM:
        await product.kubectl("create", "namespace", product.namespace)
    rest = [body for body in product.installed if body not in kinds]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": rest})
    await asyncio.to_thread(product.plane.kubectl, "apply", "-f", "-", input_text=text)
    await product.kubectl(
        "rollout", "status", "deployment/outlook-addin-operator", "-n", SYSTEM, "--timeout=90s"
    )

"""What a sweep of a bank costs in which few mailboxes have open conversations, beside one that looks at all.

Real processes: a Kubernetes API server, simulated Entra, Graph and Unblu, and the web server with the role
that is shipped. The peer is the sweep that comes before anything is known of any mailbox, in the same run.
"""

import asyncio
import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

from bench.repair import Bank
from bench.web_server import ADDIN, NAMESPACE, WebServer, connected, requests_to
from outlook_addin_core.domain.mailbox import Mailbox
from outlook_addin_sandbox.cluster.control_plane import ControlPlane
from outlook_addin_sandbox.world import World
from outlook_addin_web.subscription_objects import manifest

MAILBOXES = 1_000
"""Beside those of the bank's agents, which have open conversations."""
TOLD_WITHIN = 300.0
SECONDS = "outlook_addin_sweep_seconds_sum"


async def play() -> dict[str, Any]:
    """Set everything up, sweep twice and return what was seen."""
    async with AsyncExitStack() as stack:
        plane = stack.enter_context(ControlPlane())
        world = await stack.enter_async_context(World.start())
        server = await connected(stack, plane, world)
        bank = Bank(world, server.config)
        agents = [world.add_agent(f"Quiet {n}", f"quiet{n}@bank.example") for n in range(MAILBOXES)]
        quiet = [Mailbox(each.tenant_id, each.user_id) for each in agents]
        used = sorted({Mailbox(each.agent.tenant_id, each.agent.user_id) for each in bank.linked})
        await asyncio.to_thread(_create, plane, server, [*used, *quiet])
        first = await _swept(plane, server, world, 1)
        await _told(plane)
        second = await _swept(plane, server, world, 2)
        return {
            "size": {"mailboxes": len(used) + len(quiet), "of these, with open conversations": len(used)},
            "all are looked at": first,
            "those without conversations rest": second,
            "ratio": {name: round(second[name] / max(first[name], 1), 3) for name in first},
        }


async def _swept(plane: ControlPlane, server: WebServer, world: World, number: int) -> Mapping[str, float]:
    """Return what the sweep of this number costs; the first one begins by itself."""
    before, spent = requests_to(world), 0.0 if number == 1 else (await server.metrics())[SECONDS]
    if number == 1:
        await server.start()
    else:
        request = f"outlook-addin.dev/sync-requested={number}"
        await asyncio.to_thread(plane.kubectl, "annotate", "oaddin", ADDIN, request, "-n", NAMESPACE)
    await server.until_swept(number)
    requests = requests_to(world) - before
    return {**requests, "seconds": round((await server.metrics())[SECONDS] - spent, 1)}


async def _told(plane: ControlPlane) -> None:
    """Wait until every CalendarSubscription says that its mailbox is in sync."""
    async with asyncio.timeout(TOLD_WITHIN):
        while True:
            listed = await asyncio.to_thread(plane.kubectl, "get", "csub", "-n", NAMESPACE, "-o", "json")
            states = [each.get("status", {}).get("conditions", []) for each in json.loads(listed)["items"]]
            if all(any(one["reason"] == "InSync" for one in each) for each in states):
                return
            await asyncio.sleep(1)


def _create(plane: ControlPlane, server: WebServer, mailboxes: list[Mailbox]) -> None:
    addin = {
        "apiVersion": "outlook-addin.dev/v1alpha1",
        "kind": "OutlookAddin",
        "metadata": {"name": ADDIN, "namespace": NAMESPACE},
        "spec": {
            "deploymentUrl": "https://outlook.bank.example",
            "unbluOAuthBackendUrl": "https://unblu.bank.example",
            "clientId": server.config.client_id,
            "tenantIds": list(server.config.tenant_ids),
        },
    }
    items = [addin, *(manifest(ADDIN, NAMESPACE, each, None) for each in mailboxes)]
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    plane.kubectl("create", "-f", "-", input_text=listed, timeout=300)


def measure() -> dict[str, Any]:
    """Return all figures."""
    return asyncio.run(play())

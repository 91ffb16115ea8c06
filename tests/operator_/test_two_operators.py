"""Two operators in front of a real API server: one works, the other takes over."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import httpx2

from operator_.test_on_control_plane import SUBSCRIBED, set_up
from outlook_addin_sandbox.cluster.errors import KubectlError
from outlook_addin_sandbox.serving import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from operator_.conftest import Here, OperatorProcess
    from outlook_addin_sandbox.cluster.control_plane import ControlPlane
    from outlook_addin_sandbox.world import World

    Build = Callable[..., dict[str, Any]]

LEASE = ("-n", "outlook-addin-system", "get", "lease", "outlook-addin-operator", "-o", "json")


async def holder(plane: ControlPlane) -> str:
    """Return the pod that holds the Lease, without what tells its restarts apart."""
    try:
        lease = json.loads(await asyncio.to_thread(plane.kubectl, *LEASE))
    except KubectlError:  # nobody has made it yet
        return ""
    return str(lease["spec"].get("holderIdentity", "")).partition("_")[0]


async def until_held_by(plane: ControlPlane, name: str, seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while await holder(plane) != name:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.2)


async def until_taken(fault: Fault) -> None:
    """Wait until the simulated Graph works on the request that the fault makes slow."""
    async with asyncio.timeout(30):
        while fault.times:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)


async def until_it_watches(process: OperatorProcess) -> None:
    async with asyncio.timeout(30):
        while not await asyncio.to_thread(process.healthy):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.2)


async def until_it_follows(process: OperatorProcess) -> None:
    """Wait until an operator knows that another one leads."""
    async with asyncio.timeout(30):
        while "outlook_addin_leader 0.0" not in await asyncio.to_thread(process.metrics):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.2)


async def make_due(here: Here, name: str) -> None:
    """Let an object look as it looks when its renewal is due."""
    patch = {
        "status": {
            "lastRenewalTime": "2026-01-01T00:00:00Z",
            "renewalTime": "2026-01-02T00:00:00Z",
        }
    }
    await here.kubectl("patch", "csub", name, "--subresource=status", "--type=merge", "-p", json.dumps(patch))


async def test_a_leader_killed_in_the_middle_of_a_renewal_is_followed_without_a_second_subscription(  # noqa: PLR0917
    here: Here,
    world: World,
    installed: ControlPlane,
    second_operator: OperatorProcess,
    addin: Build,
    credentials: list[dict[str, Any]],
    subscription: Build,
) -> None:
    await until_held_by(installed, "test")
    second_operator.start()
    await until_it_watches(second_operator)
    await set_up(here, addin(), credentials)
    await here.apply(subscription())
    before = await here.until("csub", "desk-0", SUBSCRIBED)
    renewal = Fault(operation="PATCH /v1.0/subscriptions/*", status=0, delay=2, times=1)
    creation = Fault(operation="POST /v1.0/subscriptions", status=0, delay=2, times=1)
    world.graph.faults.rules = [renewal, creation]
    await make_due(here, "desk-0")
    await here.apply(subscription(1))
    await until_taken(renewal)
    await until_taken(creation)
    here.process.kill()
    await until_held_by(installed, "second")
    renewed = await here.until(
        "csub", "desk-0", lambda body: body["status"]["lastRenewalTime"] > "2026-02-01"
    )
    await here.until("csub", "desk-1", SUBSCRIBED)
    assert renewed["status"]["subscriptionId"] == before["status"]["subscriptionId"]
    users = sorted(each.user_id for each in world.graph.subscriptions.values())
    assert users == sorted(world.agents[index].user_id for index in (0, 1))


async def test_a_suspended_leader_wakes_up_as_a_standby_and_doubles_nothing(  # noqa: PLR0917
    here: Here,
    world: World,
    installed: ControlPlane,
    second_operator: OperatorProcess,
    addin: Build,
    credentials: list[dict[str, Any]],
    subscription: Build,
) -> None:
    await until_held_by(installed, "test")
    second_operator.start()
    await until_it_watches(second_operator)
    await set_up(here, addin(), credentials)
    creation = Fault(operation="POST /v1.0/subscriptions", status=0, delay=2, times=1)
    world.graph.faults.rules = [creation]
    await here.apply(subscription())
    await until_taken(creation)
    with here.process.suspended():
        await until_held_by(installed, "second")
        subscribed = await here.until("csub", "desk-0", SUBSCRIBED)
    await until_it_follows(here.process)
    await asyncio.to_thread(second_operator.stop)
    await until_held_by(installed, "test")
    await here.apply(subscription(1))
    await here.until("csub", "desk-1", SUBSCRIBED)
    after = await here.get("csub", "desk-0")
    assert after is not None
    assert after["status"] == subscribed["status"]
    users = sorted(each.user_id for each in world.graph.subscriptions.values())
    assert users == sorted(world.agents[index].user_id for index in (0, 1))


async def test_a_graceful_stop_hands_over_at_once_and_a_standby_writes_nothing(
    here: Here,
    installed: ControlPlane,
    second_operator: OperatorProcess,
    addin: Build,
    credentials: list[dict[str, Any]],
) -> None:
    await until_held_by(installed, "test")
    second_operator.start()
    await until_it_watches(second_operator)
    await set_up(here, addin(), credentials)
    text = await asyncio.to_thread(
        lambda: httpx2.get(f"http://127.0.0.1:{second_operator.metrics_port}/metrics").text
    )
    assert "outlook_addin_leader 0.0" in text
    assert 'outlook_addin_graph_requests_total{code="' not in text
    began = asyncio.get_running_loop().time()
    await asyncio.to_thread(here.process.stop)
    await until_held_by(installed, "second", 5)
    assert asyncio.get_running_loop().time() - began < 6
    await here.kubectl("delete", "service", "desk")
    await here.until("service", "desk", lambda _body: True)


async def test_an_api_server_that_restarts_is_lived_through(
    here: Here,
    installed: ControlPlane,
    addin: Build,
    credentials: list[dict[str, Any]],
    subscription: Build,
) -> None:
    await until_held_by(installed, "test")
    await set_up(here, addin(), credentials)
    process = here.process.process
    await asyncio.to_thread(installed.restart_api_server, 8)  # longer than the Lease lasts
    await here.apply(subscription())
    await here.until("csub", "desk-0", SUBSCRIBED)
    await here.kubectl("delete", "service", "desk")
    await here.until("service", "desk", lambda _body: True)
    assert here.process.process is process
    assert process is not None
    assert process.poll() is None
    assert await asyncio.to_thread(here.process.healthy)


async def test_an_etcd_that_hangs_is_lived_through(  # noqa: PLR0917
    here: Here,
    world: World,
    installed: ControlPlane,
    addin: Build,
    credentials: list[dict[str, Any]],
    subscription: Build,
) -> None:
    await until_held_by(installed, "test")
    await set_up(here, addin(), credentials)
    await here.apply(subscription())
    before = await here.until("csub", "desk-0", SUBSCRIBED)
    process = here.process.process
    assert process is not None
    with installed.frozen("etcd"):
        await until_it_follows(here.process)  # nobody leads: the Lease cannot be renewed
    await here.apply(subscription(1))
    await here.until("csub", "desk-1", SUBSCRIBED)
    after = await here.get("csub", "desk-0")
    assert after is not None
    assert after["status"] == before["status"]
    assert len(world.graph.subscriptions) == 2
    assert process.poll() is None
    await here.until_healthy()

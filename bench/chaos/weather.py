"""What goes wrong, one thing after another, in an order that a seed decides."""

import asyncio
import json
import random
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from bench.chaos.scene import LEASE_SECONDS, Scene
from outlook_addin_sandbox.graph import Subscription
from outlook_addin_sandbox.serving import Fault

ALL = "* /v1.0/subscriptions*"
Trouble = Callable[[Scene, float], Awaitable[None]]


async def kill_the_leader(scene: Scene, seconds: float) -> None:
    """Crash: nothing is finished or released; the pod is restarted after a while."""
    leader = await scene.leader()
    if leader is None or leader.process is None:
        return
    await asyncio.to_thread(leader.end, signal.SIGKILL)
    await asyncio.sleep(seconds / 2)
    leader.start()


async def stop_the_leader(scene: Scene, seconds: float) -> None:
    """A rolling update of the operator."""
    leader = await scene.leader()
    if leader is None or leader.process is None:
        return
    await asyncio.to_thread(leader.end, signal.SIGTERM)
    await asyncio.sleep(seconds / 4)
    leader.start()


async def restart_the_api_server(scene: Scene, seconds: float) -> None:
    await asyncio.to_thread(scene.plane.restart_api_server, seconds / 4)


async def suspend_the_leader(scene: Scene, seconds: float) -> None:
    """The leader's machine stands still for longer than the Lease lasts, and then goes on."""
    leader = await scene.leader()
    if leader is None or leader.process is None:
        return
    leader.process.send_signal(signal.SIGSTOP)
    await asyncio.sleep(max(seconds / 2, 2 * LEASE_SECONDS))
    leader.process.send_signal(signal.SIGCONT)


async def hang_etcd(scene: Scene, seconds: float) -> None:
    """A disk that stands still: the API server is there and answers nothing."""
    with scene.plane.frozen("etcd"):
        await asyncio.sleep(seconds / 2)


async def throttle(scene: Scene, seconds: float) -> None:
    """429 for everything, with Retry-After."""
    await _fault(scene, seconds, status=429, code="TooManyRequests", retry_after=5)


async def outage(scene: Scene, seconds: float) -> None:
    """503 for everything."""
    await _fault(scene, seconds, status=503)


async def lost_answers(scene: Scene, seconds: float) -> None:
    """Graph does what it is asked, and the answer never arrives."""
    await _fault(scene, seconds, lose_answer=True)


async def time_outs(scene: Scene, seconds: float) -> None:
    """Answers that come later than anybody waits for."""
    await _fault(scene, seconds, status=504, code="GatewayTimeout", delay=25.0)


async def slow_handshakes(scene: Scene, seconds: float) -> None:
    """The web server takes its time, within what Graph allows."""
    scene.endpoint.delay = 3.0
    await asyncio.sleep(seconds)
    scene.endpoint.delay = 0.0


async def kill_during_slow_answers(scene: Scene, seconds: float) -> None:
    """The leader dies with renewals under way."""
    rule = Fault(operation=ALL, status=0, delay=3.0)
    scene.world.graph.faults.rules = [rule]
    await asyncio.sleep(3)
    await kill_the_leader(scene, seconds / 2)
    scene.world.graph.faults.rules = []


async def restart_during_an_outage(scene: Scene, seconds: float) -> None:
    """Two things at once."""
    await asyncio.gather(outage(scene, seconds), restart_the_api_server(scene, seconds / 2))


async def move_an_addin(scene: Scene, seconds: float) -> None:
    """Change a URL that Graph cannot patch: the announced replacement, on a day on which Graph works."""
    scene.moves += 1
    patch = json.dumps({"spec": {"deploymentAddinEndpoint": f"elsewhere{scene.moves}"}})
    await scene.kubectl("patch", "oaddin", "annex", "--type=merge", "-p", patch)
    deadline = time.monotonic() + 6 * seconds
    while time.monotonic() < deadline:
        moved = [f"elsewhere{scene.moves}/" in each.notification_url for each in _annex(scene)]
        if moved and all(moved):
            return
        await asyncio.sleep(0.5)


def _annex(scene: Scene) -> list[Subscription]:
    names = scene.mailboxes
    live = scene.world.graph.subscriptions.values()
    return [each for each in live if names[each.user_id].startswith("annex-")]


TROUBLES: tuple[Trouble, ...] = (
    kill_the_leader,
    restart_the_api_server,
    throttle,
    outage,
    slow_handshakes,
    move_an_addin,
    lost_answers,
    kill_during_slow_answers,
    time_outs,
    stop_the_leader,
    restart_during_an_outage,
    suspend_the_leader,
    hang_etcd,
)


async def _fault(scene: Scene, seconds: float, **fault: Any) -> None:
    scene.world.graph.faults.rules = [Fault(operation=ALL, **fault)]
    await asyncio.sleep(seconds)
    scene.world.graph.faults.rules = []


async def storm(
    scene: Scene, until: float, length: float, seed: int, say: Callable[[str], None]
) -> Counter[str]:
    """Bring one trouble after another until a monotonic moment; each comes before any comes again."""
    dice, seen = random.Random(seed), Counter[str]()
    while time.monotonic() < until:
        for trouble in dice.sample(TROUBLES, len(TROUBLES)):
            if time.monotonic() >= until:
                break
            seen[trouble.__name__] += 1
            say(f"{trouble.__name__.replace('_', ' ')}; {len(scene.world.graph.subscriptions)} live")
            await trouble(scene, length)
            await asyncio.sleep(length / 2)
    return seen

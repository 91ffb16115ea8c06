"""After an outage in which every subscription expired: order, time, and whether any is lost."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from bench.operator.figures import busiest, displacements, middle_and_most
from bench.operator.objects import all_expired, not_due, text
from bench.operator.renewals import RATE, WINDOW, watch
from bench.operator.stage import API_VERSION, SUBSCRIPTIONS, Stage

BURST = 25
WIDTH = 16
SAMPLE = 400


async def measure(stage: Stage, count: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Let all of `count` subscriptions be expired at the start, and watch them being made again."""
    api_rate = await status_writes_per_second(stage)
    await stage.fill(count, all_expired(datetime.now(UTC), count), at_graph=False)
    before, writes = stage.requests("POST"), await stage.writes()
    floor = max(max(count - BURST, 0) / RATE, count / api_rate)
    with stage.operator() as process:
        patience = 120 + 3 * floor
        samples = await watch(stage, "POST", before + count, patience, ends=process.check)
        until_all_made = process.age
        await _until_all_ready(stage, patience)
        seconds, processor = process.age, process.processor()
    first = next(at for at, done in samples if done > before)
    wanted = [made.user_id for made in sorted(stage.made, key=lambda made: made.times.ends)]
    live = [each.user_id for each in stage.world.graph.subscriptions.values()]
    say(f"{count} expired: all ready {seconds:.1f} s after the start, floor {floor:.1f} s")
    return {
        "objects": count,
        "seconds from process start until all are ready": round(seconds, 1),
        "seconds from process start until all are made": round(until_all_made, 1),
        "seconds from the first request to the last": round(samples[-1][0] - first, 1),
        "status writes per second that the API server takes": round(api_rate),
        "seconds at the slower of both limits": round(floor, 1),
        "ratio to it": round(seconds / floor, 3),
        "lost": count - len(set(live) & set(wanted)),
        "doubled": len(live) - len(set(live)),
        "places away from the order of expiry": middle_and_most(displacements(wanted, live)),
        "most Graph requests in 20 s": busiest(samples, WINDOW),
        "writes": await stage.writes_since(writes),
        "processor seconds": round(processor, 2),
    }


async def status_writes_per_second(stage: Stage) -> float:
    """Apply statuses, sixteen at a time, as fast as the API server takes them."""
    await stage.fill(SAMPLE, not_due(datetime.now(UTC)))
    names = [made.name for made in stage.made]

    async def worker() -> None:
        while names:
            await _apply_status(stage, names.pop())

    began = time.monotonic()
    await asyncio.gather(*(worker() for _ in range(WIDTH)))
    return SAMPLE / (time.monotonic() - began)


async def _apply_status(stage: Stage, name: str) -> None:
    body = {
        "apiVersion": API_VERSION,
        "kind": "CalendarSubscription",
        "metadata": {"name": name},
        "status": {"failedRenewals": 1},
    }
    await stage.call(
        "PATCH",
        f"{SUBSCRIPTIONS}/{name}/status",
        params={"fieldManager": "bench", "force": "true"},
        json=body,
        headers={"Content-Type": "application/apply-patch+yaml"},
    )


async def _until_all_ready(stage: Stage, patience: float) -> None:
    deadline = time.monotonic() + patience
    while not all(_ready(body) for body in await stage.list_all()):
        if time.monotonic() > deadline:
            raise TimeoutError("not all are ready")
        await asyncio.sleep(0.2)


def _ready(body: dict[str, Any]) -> bool:
    status = body["status"]
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in status["conditions"])
    return ready and status.get("expirationTime", "") > text(datetime.now(UTC))

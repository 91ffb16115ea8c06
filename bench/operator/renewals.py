"""Routine renewals: how many a second, and how many writes each costs."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from bench.operator.figures import busiest, steady_rate
from bench.operator.objects import due_now
from bench.operator.stage import Stage

RATE = 25.0
"""Writes of subscriptions that Graph allows in a second, per app and tenant: 500 in 20 s."""

WINDOW = 20.0
GLANCE = 0.05


async def measure(stage: Stage, count: int, due: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Have `due` of `count` subscriptions due at the start, and watch them being renewed."""
    await stage.fill(count, due_now(datetime.now(UTC), due))
    before, writes = stage.requests("PATCH"), await stage.writes()
    with stage.operator() as process:
        samples = await watch(stage, "PATCH", before + due, patience=60 + 2 * due / RATE, ends=process.check)
        await asyncio.sleep(2)
        processor = process.processor()
    written = await stage.writes_since(writes)
    ours = written.get("calendarsubscriptions/status", 0)
    rate = steady_rate([(at, done - before) for at, done in samples])
    say(f"{due} renewals: {rate:.1f}/s, {ours} status writes")
    return {
        "objects": count,
        "renewals": stage.requests("PATCH") - before,
        "renewals per second": round(rate, 2),
        "share of what Graph allows": round(rate / RATE, 3),
        "most Graph requests in 20 s": busiest(samples, WINDOW),
        "status writes per renewal": round(ours / due, 3),
        "writes": written,
        "processor seconds": round(processor, 2),
    }


async def watch(
    stage: Stage, method: str, until: int, patience: float, ends: Callable[[], None]
) -> list[tuple[float, int]]:
    """Look at Graph's counter until it has reached a number.

    Raises:
        TimeoutError: It has not within `patience` seconds.
    """
    began = time.monotonic()
    samples = [(0.0, stage.requests(method))]
    while samples[-1][1] < until:
        ends()
        await asyncio.sleep(GLANCE)
        samples.append((time.monotonic() - began, stage.requests(method)))
        if samples[-1][0] > patience:
            raise TimeoutError(f"{samples[-1][1]} of {until} after {patience:g} s")
    return samples

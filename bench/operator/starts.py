"""From the start of the process to all objects scheduled: time, writes, memory, processor time."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.operator import peer
from bench.operator.figures import exponent, summary
from bench.operator.objects import not_due
from bench.operator.stage import Stage
from bench.operator.watched import Watched, middle

OURS = "operator"
GLANCE = 0.1
"""Seconds between two looks at how far a contestant is."""
PATIENCE = 300.0


@dataclass(frozen=True)
class Start:
    """One start."""

    scheduled_seconds: float
    processor_seconds: float
    memory_mb: float
    peak_mb: float
    writes: dict[str, int]


@dataclass(frozen=True)
class Contestant:
    """How an operator is started, and how far it says it is."""

    run: Callable[[], AbstractContextManager[Watched]]
    scheduled: Callable[[Watched], Awaitable[int]]


def contestants(stage: Stage, program: Path) -> dict[str, Contestant]:
    """Ours, and the peer in its variants."""

    async def ours(_: Watched) -> int:
        return await stage.scheduled()

    async def theirs(process: Watched) -> int:
        return peer.scheduled(process.log)

    def start(flags: tuple[str, ...]) -> Callable[[], AbstractContextManager[Watched]]:
        @contextmanager
        def run() -> Iterator[Watched]:
            with Watched([program, *flags], stage.environ, stage.folder / "peer.log") as process:
                yield process

        return run

    rest = {name: Contestant(start(flags), theirs) for name, flags in peer.VARIANTS.items()}
    return {OURS: Contestant(stage.operator, ours), **rest}


async def one_start(stage: Stage, contestant: Contestant, count: int, settle: float) -> Start:
    """Start, wait until all are scheduled, and watch it for `settle` seconds more."""
    before = await stage.writes()
    with contestant.run() as process:
        while await contestant.scheduled(process) < count:
            process.check()
            if process.age > PATIENCE:
                raise TimeoutError(f"{await contestant.scheduled(process)} of {count} are scheduled")
            await asyncio.sleep(GLANCE)
        seconds, processor = process.age, process.processor()
        samples = []
        while process.age < seconds + settle:
            samples.append(process.memory())
            await asyncio.sleep(0.25)
        peak = process.peak()
    return Start(seconds, processor, middle(samples), peak, await stage.writes_since(before))


async def measure(  # noqa: PLR0913 - how much, and how often
    stage: Stage, program: Path, count: int, *, rounds: int, settle: float, say: Callable[[str], None]
) -> dict[str, Any]:
    """Start all contestants in turn, `rounds` times."""
    await stage.fill(count, not_due(datetime.now(UTC)))
    await stage.settle(count)
    found: dict[str, list[Start]] = {}
    lists = []
    for number in range(rounds):
        began = time.monotonic()
        await stage.list_all()
        lists.append(time.monotonic() - began)
        for name, contestant in contestants(stage, program).items():
            start = await one_start(stage, contestant, count, settle)
            found.setdefault(name, []).append(start)
            say(f"{count} objects, start {number + 1}: {name}: {asdict(start)}")
    figures = {name: _figures(starts) for name, starts in found.items()}
    leanest = min(figures[name]["memory_mb"]["median"] for name in peer.VARIANTS)
    fastest = min(figures[name]["scheduled_seconds"]["median"] for name in peer.VARIANTS)
    ours = figures[OURS]
    return {
        "objects": count,
        "list_seconds": summary(lists),
        "contestants": figures,
        "ratios": {
            "scheduled, to the fastest peer": round(ours["scheduled_seconds"]["median"] / fastest, 2),
            "memory, to the leanest peer": round(ours["memory_mb"]["median"] / leanest, 2),
            "scheduled, to a bare LIST": round(
                ours["scheduled_seconds"]["median"] / summary(lists)["median"], 2
            ),
        },
    }


def scaling(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Return how each cost grows with the number of objects; 1 is linear."""
    if len(results) < 2:
        return {}
    sizes = [result["objects"] for result in results]
    return {
        name: {
            cost: round(exponent(sizes, [each["contestants"][name][cost]["median"] for each in results]), 2)
            for cost in ("scheduled_seconds", "processor_seconds", "memory_mb")
        }
        for name in results[0]["contestants"]
    }


def _figures(starts: list[Start]) -> dict[str, Any]:
    numbers = ("scheduled_seconds", "processor_seconds", "memory_mb", "peak_mb")
    return {
        **{name: summary([getattr(start, name) for start in starts]) for name in numbers},
        "writes": [start.writes for start in starts],
    }

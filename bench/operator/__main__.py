"""`python -m bench.operator`: measure our operator beside a controller-runtime one, and keep the figures."""

import argparse
import asyncio
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.machine import machine, versions
from bench.operator import peer, recovery, renewals, starts
from bench.operator.goals import goals, table
from bench.operator.stage import Stage, stage

RESULTS = Path(__file__).parents[1] / "results"


@dataclass(frozen=True)
class Size:
    """How much is measured; a number of 0 leaves a part out."""

    objects: tuple[int, ...]
    rounds: int
    renewals: int
    recovery: int
    settle: float
    result: str


QUICK = Size((500, 2_000), 3, 250, 250, 5.0, "operator_quick.json")
FULL = Size((2_000, 10_000, 50_000), 3, 2_000, 10_000, 20.0, "operator.json")


async def measure(size: Size) -> dict[str, Any]:
    """Run all parts; what is measured is stored at once, so that an interruption costs only the rest."""
    results: dict[str, Any] = {"machine": machine()}
    with tempfile.TemporaryDirectory() as folder:
        program, go = peer.build(Path(folder))
        results["versions"] = versions(go.path) | {"controller-runtime": peer.version()}
        async with stage(Path(folder)) as built:
            results["versions"]["Kubernetes"] = await kubernetes_version(built)
            await _parts(built, program, size, results)
    return results


async def _parts(built: Stage, program: Path, size: Size, results: dict[str, Any]) -> None:
    results["starts"] = []
    for count in size.objects:
        results["starts"].append(
            await starts.measure(built, program, count, rounds=size.rounds, settle=size.settle, say=say)
        )
        results["scaling"] = starts.scaling(results["starts"])
        store(size, results)
    if size.renewals:
        results["renewals"] = await renewals.measure(built, 2 * size.renewals, size.renewals, say)
        store(size, results)
    if size.recovery:
        results["recovery"] = await recovery.measure(built, size.recovery, say)
        store(size, results)


async def kubernetes_version(built: Stage) -> str:
    """The version of the API server."""
    return str((await built.call("GET", "version"))["gitVersion"])


def store(size: Size, results: dict[str, Any]) -> None:
    """Keep what is known."""
    RESULTS.mkdir(exist_ok=True)
    body = json.dumps({"goals": goals(results), **results}, indent=2)
    (RESULTS / size.result).write_text(f"{body}\n")


def say(text: str) -> None:
    """Tell whoever waits."""
    print(text, flush=True)


def parse(arguments: list[str] | None = None) -> Size:
    """Read the command line; what it does not say is as in the full run."""
    parser = argparse.ArgumentParser(prog="python -m bench.operator", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few minutes instead of an hour")
    parser.add_argument("--objects", type=int, nargs="+", help="how many CalendarSubscriptions, one run each")
    parser.add_argument("--rounds", type=int, help="starts of each contestant")
    parser.add_argument("--renewals", type=int, help="how many become due at once; 0 leaves this out")
    parser.add_argument("--recovery", type=int, help="how many are expired; 0 leaves this out")
    parser.add_argument("--settle", type=float, help="seconds after which memory counts as steady")
    parser.add_argument("--result", help="name of the file in bench/results")
    told = {name: value for name, value in vars(parser.parse_args(arguments)).items() if value is not None}
    base = QUICK if told.pop("quick") else FULL
    if "objects" in told:
        told["objects"] = tuple(told["objects"])
    return Size(**{**vars(base), **told})


def main() -> None:
    """Measure, and print what was reached."""
    results = asyncio.run(measure(parse()))
    print(table(results))


if __name__ == "__main__":
    main()

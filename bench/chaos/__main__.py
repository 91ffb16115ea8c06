"""`python -m bench.chaos`: ten minutes of trouble, and whether every subscription outlived it.

Time is not accelerated by a clock, which several processes and a real API server do not share; lifetimes are:
minutes instead of six days, so that a subscription is renewed as often in ten minutes as in weeks.
"""

import argparse
import asyncio
import json
import logging
import random
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.chaos.ledger import Gap
from bench.chaos.scene import Scene, scene
from bench.chaos.weather import storm
from bench.machine import machine, versions
from outlook_addin_sandbox.cluster.errors import KubectlError

RESULTS = Path(__file__).parents[1] / "results"
MOVED = 20
"""One mailbox in so many belongs to an add-in that moves to another URL during the storm."""

LONGEST_REPLACEMENT = 10.0


@dataclass(frozen=True)
class Size:
    """How much, and for how long."""

    subscriptions: int
    seconds: float
    lifetime: str
    trouble: float
    changes_per_second: float
    seed: int


SHORT = Size(150, 60.0, "90s", 8.0, 5.0, 1)
FULL = Size(2_000, 600.0, "6m", 20.0, 20.0, 1)


@dataclass
class Changes:
    """What agents changed meanwhile: event ids with the mailbox and the moment."""

    made: dict[str, tuple[str, datetime]] = field(default_factory=dict)


def say(text: str) -> None:
    """Tell a person where it stands."""
    print(f"{datetime.now(UTC):%H:%M:%S} {text}", flush=True)


async def make_changes(stage: Scene, rate: float, seed: int, changes: Changes) -> None:
    """Have somebody make an event now and then."""
    dice, users = random.Random(seed), list(stage.mailboxes)
    while True:
        await asyncio.sleep(dice.expovariate(rate))
        user_id = dice.choice(users)
        start = datetime.now(UTC) + timedelta(days=1)
        event = stage.world.graph.mailbox(user_id).create_event(
            subject="Review", start=start, end=start + timedelta(minutes=30)
        )
        changes.made[event.immutable_id] = (user_id, datetime.now(UTC))


async def ask_for_renewals(stage: Scene, seed: int) -> None:
    """Ask as the web server does when Graph wants a reauthorisation, each time twice."""
    dice, names = random.Random(seed), list(stage.mailboxes.values())
    number = 0
    while True:
        await asyncio.sleep(5)
        number += 1
        for token in (f"t{number}", f"t{number}"):
            annotation = f"outlook-addin.dev/renew-requested={token}"
            try:
                await stage.kubectl("annotate", "--overwrite", "csub", dice.choice(names), annotation)
            except KubectlError:
                continue  # the API server is away; Graph would tell again


async def run(size: Size) -> dict[str, Any]:
    """Set up, let it storm, wait for the calm, and report."""
    report: dict[str, Any] = {"machine": machine(), "versions": versions()}
    with tempfile.TemporaryDirectory() as folder:
        async with scene(Path(folder)) as stage:
            moved = max(1, size.subscriptions // MOVED)
            for addin in ("desk", "annex"):
                await stage.set_up(addin, size.lifetime)
            await stage.subscribe("desk", 0, size.subscriptions - moved)
            await stage.subscribe("annex", size.subscriptions - moved, moved)
            say(f"{size.subscriptions} CalendarSubscriptions made")
            await stage.until_all_are_live(60 + size.subscriptions / 10)
            report |= await weather(stage, size)
            report["log"] = complaints(stage)
    return report


async def weather(stage: Scene, size: Size) -> dict[str, Any]:
    """Let it storm over a working scene."""
    began, changes = datetime.now(UTC), Changes()
    made = stage.ledger.made()
    before = dict(stage.world.graph.requests)
    background = [
        asyncio.create_task(each)
        for each in (
            make_changes(stage, size.changes_per_second, size.seed, changes),
            ask_for_renewals(stage, size.seed),
            stage.keep_pods_ready(),
        )
    ]
    try:
        troubles = await storm(stage, time.monotonic() + size.seconds, size.trouble, size.seed, say)
        say("calm")
        background[0].cancel()
        await calm(stage, 120)
    finally:
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
    await stage.world.settle(30)
    return {
        "size": {"subscriptions": size.subscriptions, "seconds": size.seconds, "lifetime": size.lifetime},
        "troubles": dict(troubles),
        "renewals": stage.world.graph.requests["PATCH /v1.0/subscriptions/{subscription} 200"]
        - before.get("PATCH /v1.0/subscriptions/{subscription} 200", 0),
        **await verdict(stage, changes, began, made),
    }


async def calm(stage: Scene, seconds: float) -> None:
    """Wait until every object says that it is subscribed."""
    async with asyncio.timeout(seconds):
        while await not_ready(stage):  # noqa: ASYNC110 - other processes
            await asyncio.sleep(1)


async def not_ready(stage: Scene) -> list[str]:
    """Return the objects that are not as they should be, with what Graph has."""
    live = {each.user_id: each.id for each in stage.world.graph.subscriptions.values()}
    try:
        items = (await stage.get("csub"))["items"]
    except KubectlError:
        return ["the API server is away"]
    return [
        body["metadata"]["name"]
        for body in items
        if not _is_ready(body) or body["status"].get("subscriptionId") != live.get(body["spec"]["userId"])
    ]


def _is_ready(body: dict[str, Any]) -> bool:
    conditions = body.get("status", {}).get("conditions", ())
    states = {item["type"]: item["status"] for item in conditions}
    return states.get("Ready") == "True" and "RenewalOverdue" not in states


async def verdict(stage: Scene, changes: Changes, began: datetime, made: int) -> dict[str, Any]:
    """Compare what happened with what was promised."""
    gaps = [gap for gap in stage.ledger.gaps(datetime.now(UTC)) if gap.ends > began]
    announced = [gap for gap in gaps if gap.announced]
    undelivered = {
        event: (user, at) for event, (user, at) in changes.made.items() if not stage.endpoint.events[event]
    }
    excused = [event for event, (user, at) in undelivered.items() if _within(announced, user, at)]
    alive = len(stage.world.graph.subscriptions)
    longest = max((gap.seconds for gap in announced), default=0.0)
    result = {
        "subscriptions alive": alive,
        "objects not ready": await not_ready(stage),
        "unannounced gaps": len(gaps) - len(announced),
        "longest unannounced gap, seconds": round(
            max((gap.seconds for gap in gaps if not gap.announced), default=0), 2
        ),
        "announced replacements": len(announced),
        "longest replacement, seconds": round(longest, 2),
        "double subscriptions": stage.ledger.overlaps(),
        "subscriptions made during the storm": stage.ledger.made() - made,
        "changes made": len(changes.made),
        "changes notified": len(changes.made) - len(undelivered),
        "changes in a replacement, left to the sweep": len(excused),
        "changes lost": len(undelivered) - len(excused),
    }
    result["passed"] = bool(
        alive == len(stage.mailboxes)
        and not result["objects not ready"]
        and not result["unannounced gaps"]
        and longest < LONGEST_REPLACEMENT
        and not result["double subscriptions"]
        and not result["changes lost"]
    )
    return result


def _within(gaps: list[Gap], user_id: str, moment: datetime) -> bool:
    slack = timedelta(seconds=0.5)
    return any(gap.user_id == user_id and gap.begins - slack <= moment <= gap.ends + slack for gap in gaps)


def complaints(stage: Scene) -> dict[str, int]:
    """Count what the operators logged as an error or with a trace."""
    text = "".join(each.log.read_text(errors="replace") for each in stage.replicas)
    return {word: text.count(word) for word in ("Traceback", "CRITICAL", "[ERROR")}


def main() -> None:
    """Run, store the report, and fail if a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="a minute with 150 subscriptions")
    parser.add_argument("--seed", type=int, default=1, help="decides on the order of troubles")
    parser.add_argument("--seconds", type=float, help="how long it storms")
    arguments = parser.parse_args()
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # clients that are killed in the middle
    base = SHORT if arguments.short else FULL
    seconds = arguments.seconds or base.seconds
    size = Size(**{**vars(base), "seed": arguments.seed, "seconds": seconds})
    report = asyncio.run(run(size))
    RESULTS.mkdir(exist_ok=True)
    name = "chaos_short.json" if arguments.short else "chaos.json"
    (RESULTS / name).write_text(f"{json.dumps(report, indent=2)}\n")
    print(json.dumps(report, indent=2))
    raise SystemExit(0 if report["passed"] else 1)


if __name__ == "__main__":
    main()

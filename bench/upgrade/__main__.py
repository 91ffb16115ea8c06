"""`make upgrade`: an earlier version, the present one, back, and forward again, over live subscriptions.

Lifetimes are minutes instead of six days, so that each version renews everything before the next one comes.
"""

import argparse
import asyncio
import json
import logging
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.chaos.__main__ import not_ready, say
from bench.machine import machine, versions
from bench.upgrade.release import Release, checked_out, earlier, present
from bench.upgrade.site import Site, site

RESULT = Path(__file__).parents[1] / "results" / "upgrade.json"
LIFETIME = "2m"
SECONDS = 240.0


@dataclass(frozen=True)
class Comparison:
    """What became of the mailboxes' subscriptions, by the ids that Graph knows."""

    lost: int
    recreated: int

    @classmethod
    def of(cls, before: dict[str, str], after: dict[str, str]) -> "Comparison":
        """Compare the ids by mailbox."""
        kept = before.keys() & after.keys()
        return cls(len(before.keys() - kept), sum(before[user] != after[user] for user in kept))


async def turn(place: Site, release: Release, *, kinds: bool) -> dict[str, Any]:
    """Let a version take over, and wait until it has renewed everything."""
    before, made = place.ids(), place.scene.ledger.made()
    began = time.monotonic()
    await place.install(release, kinds=kinds)
    rolled = time.monotonic() - began
    renewed = await place.until_all_are_renewed(SECONDS)
    wrong = await settled(place)
    found = Comparison.of(before, place.ids())
    result = {
        "version": release.name,
        "seconds until the operators were exchanged": round(rolled, 1),
        "seconds until all were renewed": round(renewed, 1),
        "subscriptions": len(place.ids()),
        "recreated": found.recreated,
        "lost": found.lost,
        "made": place.scene.ledger.made() - made,
        "objects not ready": wrong,
    }
    say(json.dumps(result))
    return result


async def settled(place: Site) -> list[str]:
    """Return what is not ready, after some time in which the last statuses are written."""
    for _ in range(20):
        if not await not_ready(place.scene):
            break
        await asyncio.sleep(1)
    return await not_ready(place.scene)


async def run(old: Release, new: Release, count: int, folder: Path) -> dict[str, Any]:
    """Play all turns."""
    async with site(folder) as place:
        scene = place.scene
        await place.install(old, kinds=True)
        await scene.set_up("desk", LIFETIME)
        await scene.subscribe("desk", 0, count)
        await scene.until_all_are_live(60 + count / 10)
        say(f"{old.name} has made {count} subscriptions")
        pods = asyncio.create_task(scene.keep_pods_ready())
        try:
            turns = [
                await turn(place, new, kinds=True),
                await turn(place, old, kinds=False),
                await turn(place, new, kinds=True),
            ]
        finally:
            pods.cancel()
        ledger = scene.ledger
        judged = verdict(turns, count, made=ledger.made(), doubled=ledger.overlaps())
        return {"versions in turn": place.history, **judged}


def verdict(turns: list[dict[str, Any]], count: int, *, made: int, doubled: int) -> dict[str, Any]:
    """Say whether the promise was kept: none recreated, none lost, none doubled."""
    kept = all(
        each["recreated"] == each["lost"] == 0
        and each["subscriptions"] == count
        and not each["objects not ready"]
        for each in turns
    )
    return {
        "subscriptions": count,
        "turns": turns,
        "subscriptions ever made": made,
        "doubled": doubled,
        "passed": kept and made == count and not doubled,
    }


def main() -> None:
    """Run, store the report, and fail if the promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ref", nargs="?", help="the earlier version; the latest tag unless given")
    parser.add_argument("--subscriptions", type=int, default=200)
    arguments = parser.parse_args()
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # clients that end in the middle
    with tempfile.TemporaryDirectory() as name:
        folder, ref = Path(name), arguments.ref or earlier()
        say(f"installing {ref}")
        with checked_out(ref, folder) as old:
            report = asyncio.run(run(old, present(), arguments.subscriptions, folder))
    report = {"machine": machine(), "versions": versions(), **report}
    RESULT.write_text(f"{json.dumps(report, indent=2)}\n")
    print(json.dumps(report, indent=2))
    raise SystemExit(0 if report["passed"] else 1)


if __name__ == "__main__":
    main()

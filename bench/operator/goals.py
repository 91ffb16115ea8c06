"""What was to be reached, and whether it was. Pure."""

from collections.abc import Iterator
from typing import Any

JSON = dict[str, Any]


def goals(results: JSON) -> list[JSON]:
    """Return each goal with its limit, what was measured, and whether that is within it."""
    return [
        {"goal": name, "limit": limit, "measured": measured, "reached": measured <= limit}
        for name, limit, measured in _measured(results)
    ]


def _measured(results: JSON) -> Iterator[tuple[str, float, float]]:
    for start in results["starts"]:
        count, ratios = start["objects"], start["ratios"]
        writes = [sum(each.values()) for each in start["contestants"]["operator"]["writes"]]
        yield f"{count} objects: start to all scheduled, times controller-runtime", 2, ratios[SCHEDULED]
        yield f"{count} objects: steady memory, times controller-runtime's leanest", 0.6, ratios[MEMORY]
        yield f"{count} objects: writes of a start with nothing due", 0, max(writes)
    for cost, growth in results.get("scaling", {}).get("operator", {}).items():
        yield f"growth of {cost} with the objects, as an exponent", 1, growth
    if renewals := results.get("renewals"):
        yield "status writes of a renewal", 1, renewals["status writes per renewal"]
        yield "seconds between renewals, times what Graph allows", 1.05, _pace(renewals)
        yield "renewals in the busiest 20 s", 500, renewals["most Graph requests in 20 s"]
    if recovery := results.get("recovery"):
        yield "recovery, times the slower of Graph's limit and the API server's", 1.2, recovery["ratio to it"]
        yield "creations in the busiest 20 s of the recovery", 500, recovery["most Graph requests in 20 s"]
        yield "subscriptions lost or doubled in the recovery", 0, recovery["lost"] + recovery["doubled"]


SCHEDULED = "scheduled, to the fastest peer"
MEMORY = "memory, to the leanest peer"


def _pace(renewals: JSON) -> float:
    share: float = renewals["share of what Graph allows"]
    return round(1 / share, 3) if share else float("inf")


def table(results: JSON) -> str:
    """Return the goals for people."""
    rows = []
    for each in goals(results):
        verdict = "reached" if each["reached"] else "MISSED"
        rows.append(f"  {verdict:8}{each['measured']:>8} (limit {each['limit']}): {each['goal']}")
    return "\n".join(rows)

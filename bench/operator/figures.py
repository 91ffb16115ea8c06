"""From samples to figures. Pure."""

import bisect
import math
import re
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

_SAMPLE = re.compile(r"^apiserver_request_total\{(?P<labels>[^}]*)\} (?P<value>\S+)", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')
WRITES = frozenset({"POST", "PUT", "PATCH", "APPLY", "DELETE", "DELETECOLLECTION"})
BACKGROUND = frozenset({"events", "leases", "tokenreviews", "subjectaccessreviews"})
"""What a control plane writes by itself all the time, and reviews, which store nothing."""


def writes(metrics: str) -> dict[str, int]:
    """Return the writes that an API server has carried out, by resource with its sub-resource."""
    counts: dict[str, int] = {}
    for sample in _SAMPLE.finditer(metrics):
        labels = dict(_LABEL.findall(sample["labels"]))
        if labels["verb"] not in WRITES or labels["resource"] in BACKGROUND or labels["code"][0] != "2":
            continue
        name = "/".join(filter(None, (labels["resource"], labels["subresource"])))
        counts[name] = counts.get(name, 0) + int(float(sample["value"]))
    return counts


def added(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    """Return what came to be between two readings of counters."""
    return {name: count - before.get(name, 0) for name, count in after.items() if count > before.get(name, 0)}


def gauge(metrics: str, name: str) -> float | None:
    """Return the value of a metric without labels; None while there is none."""
    found = re.search(rf"^{name} (\S+)$", metrics, re.MULTILINE)
    return float(found[1]) if found else None


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """Return the exponent p of costs ~ sizes**p that fits best; 1 is linear."""
    fit = statistics.linear_regression([math.log(size) for size in sizes], [math.log(cost) for cost in costs])
    return fit.slope


def summary(values: Sequence[float], digits: int = 2) -> dict[str, Any]:
    """Return the median and every single value."""
    return {
        "median": round(statistics.median(values), digits),
        "all": [round(value, digits) for value in values],
    }


def busiest(samples: Sequence[tuple[float, int]], seconds: float) -> int:
    """Return the most that a counter rose within a span of time.

    Args:
        samples: Times and what the counter said then, in order.
        seconds: The length of the span.
    """
    times = [time for time, _ in samples]
    most = 0
    for index, (time, count) in enumerate(samples):
        first = bisect.bisect_left(times, time - seconds)
        most = max(most, count - samples[min(first, index)][1])
    return most


def steady_rate(samples: Sequence[tuple[float, int]], skip: float = 0.2) -> float:
    """Return by how much a counter rose per second, from when it had done a part of its way to its end."""
    end = next(sample for sample in samples if sample[1] == samples[-1][1])
    start = next(sample for sample in samples if sample[1] >= skip * end[1])
    return (end[1] - start[1]) / (end[0] - start[0]) if end[0] > start[0] else 0.0


def displacements(wanted: Sequence[str], seen: Sequence[str]) -> list[int]:
    """Return for each name how many places too late or too early it came."""
    place = {name: index for index, name in enumerate(wanted)}
    return [abs(place[name] - index) for index, name in enumerate(seen)]


def middle_and_most(values: Sequence[int]) -> dict[str, float]:
    """Return the median and the largest of some numbers."""
    return {"median": statistics.median(values), "most": max(values)}

"""How much is tried: briefly in every test run with seeds that stay, for long with seeds of chance.

What was tried is counted here by all tests of this folder, and written down whatever became of them.
"""

import functools
import inspect
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

REPORT: Final = Path(__file__).resolve().parents[2] / "build/test-long-report.json"


@dataclass(frozen=True)
class Size:
    """One size of weather; ``seconds`` 0 plays the fixed seeds once."""

    seconds: float
    fixed: tuple[int, ...]
    storms_per_seed: int
    steps: int
    events: int
    fuzz: int
    """Cases of each fuzz test."""
    timeout: float


SHORT: Final = Size(0, (1, 2, 3), storms_per_seed=36, steps=40, events=6, fuzz=30, timeout=300)
LONG_SECONDS: Final = float(os.environ.get("OUTLOOK_ADDIN_LONG_SECONDS") or 0)
LONG: Final = Size(
    LONG_SECONDS,
    (),
    storms_per_seed=15,
    steps=80,
    events=200,
    fuzz=max(30, round(LONG_SECONDS / 2)),
    timeout=LONG_SECONDS * 3 + 600,
)
SEASON: Final = LONG if LONG_SECONDS else SHORT


@dataclass
class Tried:
    """Everything that was tried in this run."""

    storms: int = 0
    steps: int = 0
    fuzz: Counter[str] = field(default_factory=Counter)
    """Fuzz cases by test."""
    tests: int = 0
    """Tests that neither storm nor fuzz."""
    seeds: list[int] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    @property
    def cases(self) -> int:
        return self.storms + self.fuzz.total() + self.tests

    def as_json(self) -> dict[str, Any]:
        return {
            "result": "failed" if self.failures else "passed",
            "cases": self.cases,
            "storms": self.storms,
            "steps": self.steps,
            "fuzz": dict(self.fuzz),
            "tests": self.tests,
            "seconds": round(time.monotonic() - self.began, 1),
            "seeds": self.seeds,
            "failures": self.failures,
        }

    def write(self) -> None:
        REPORT.parent.mkdir(exist_ok=True)
        REPORT.write_text(json.dumps(self.as_json(), indent=2) + "\n")

    def __str__(self) -> str:
        fuzzed = self.fuzz.total()
        return (
            f"tried {self.cases:,} cases: {self.storms:,} storms of {self.steps:,} steps, "
            f"{fuzzed:,} fuzz cases, {self.tests:,} other tests; {len(self.failures)} failed"
        )


TRIED: Final = Tried()


class Season:
    """The storms of one test."""

    def __init__(self, size: Size) -> None:
        self.size = size
        self._began = time.monotonic()
        self._has_failed = False

    def seeds(self) -> Iterator[int]:
        """Yield the seeds, until the time is up."""
        given_seed = os.environ.get("OUTLOOK_ADDIN_SEED")
        if given_seed:
            yield int(given_seed)
            return
        yield from self.size.fixed
        chance = random.SystemRandom()
        while not self._is_late(self.size.seconds):
            yield chance.randrange(2**32)

    @property
    def is_over(self) -> bool:
        """Whether the time is up; what is left of a seed's storms is not played then.

        A storm that has failed is played again and again until it is small.
        """
        return bool(self.size.seconds) and self._is_late(self.size.seconds) and not self._has_failed

    def say(self, number: int) -> None:
        """Print the seed of what comes now."""
        TRIED.seeds.append(number)
        sys.stdout.write(f"\n  storms with seed {number} (OUTLOOK_ADDIN_SEED={number} plays them again)")
        sys.stdout.flush()

    @contextmanager
    def storm(self, length: int) -> Iterator[None]:
        """Count a storm and note whether it fails; the same one made smaller does not count again."""
        if not self._has_failed:
            TRIED.storms += 1
            TRIED.steps += length
        try:
            yield
        except Exception:
            self._has_failed = True
            raise

    def _is_late(self, seconds: float) -> bool:
        return time.monotonic() - self._began >= seconds


def fuzz(*strategies: st.SearchStrategy[Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Have a test called with many values, and count them."""
    chosen = settings(
        max_examples=SEASON.fuzz, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )

    def decorated(test: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(test)
        def counted(*args: Any, **named: Any) -> None:
            TRIED.fuzz[test.__name__] += 1
            test(*args, **named)

        @functools.wraps(test)
        async def awaited(*args: Any, **named: Any) -> None:
            TRIED.fuzz[test.__name__] += 1
            await test(*args, **named)

        many = chosen(given(*strategies)(awaited if inspect.iscoroutinefunction(test) else counted))
        patient: Callable[..., Any] = pytest.mark.timeout(SEASON.timeout)(many)
        return patient

    return decorated

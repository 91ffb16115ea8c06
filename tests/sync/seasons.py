"""How long it storms: briefly in every test run with seeds that stay, for long with seeds of chance."""

import json
import os
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sync.storm import Step

REPORT: Final = Path(__file__).resolve().parents[2] / "build/test-long-report.json"


@dataclass(frozen=True)
class Size:
    """One size of weather; ``seconds`` 0 plays the fixed seeds once."""

    seconds: float
    fixed: tuple[int, ...]
    storms_per_seed: int
    steps: int
    events: int
    timeout: float


SHORT: Final = Size(0, (1, 2, 3), storms_per_seed=40, steps=40, events=6, timeout=300)
LONG_SECONDS: Final = float(os.environ.get("OUTLOOK_ADDIN_LONG_SECONDS") or 0)
LONG: Final = Size(LONG_SECONDS, (), storms_per_seed=15, steps=80, events=200, timeout=LONG_SECONDS * 3 + 600)
SEASON: Final = LONG if LONG_SECONDS else SHORT


@dataclass
class Season:
    """Counts what was tried and writes it down."""

    size: Size
    storms: int = 0
    steps: int = 0
    used: list[int] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def seeds(self) -> Iterator[int]:
        """Yield the seeds, until the time is up."""
        given = os.environ.get("OUTLOOK_ADDIN_SEED")
        if given:
            yield int(given)
            return
        yield from self.size.fixed
        chance = random.SystemRandom()
        while time.monotonic() - self.began < self.size.seconds:
            yield chance.randrange(2**32)

    @property
    def is_over(self) -> bool:
        """Whether the time is up; what is left of a seed's storms is not played then."""
        return 0 < self.size.seconds < time.monotonic() - self.began

    def say(self, seed: int) -> None:
        """Print the seed of what comes now."""
        self.used.append(seed)
        sys.stdout.write(f"\n  storms with seed {seed} (OUTLOOK_ADDIN_SEED={seed} plays them again)")
        sys.stdout.flush()

    def count(self, storm: list[Step]) -> None:
        """Note a storm that was played."""
        self.storms += 1
        self.steps += len(storm)

    def report(self) -> None:
        """Write down what was tried, where it storms for long."""
        if not self.size.seconds:
            return
        REPORT.parent.mkdir(exist_ok=True)
        seconds = round(time.monotonic() - self.began, 1)
        document = {"storms": self.storms, "steps": self.steps, "seconds": seconds, "seeds": self.used}
        REPORT.write_text(json.dumps(document, indent=2) + "\n")

"""How long a failing service is left alone: exponential, with jitter, and never shorter than it asked for."""

import random
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

FIRST: Final = timedelta(seconds=1)
LONGEST: Final = timedelta(minutes=5)
FORGOTTEN: Final = timedelta(hours=1)
"""Who has not come back so long after a pause does not come any more: the work was done otherwise."""
_MOST_DOUBLINGS: Final = 16
_FEW: Final = 1_000


@dataclass(frozen=True)
class _Run:
    failures: int
    counted: datetime
    until: datetime


class BackOff:
    """Failures in a row by key: a mailbox, a tenant, Unblu.

    Args:
        jitter: Returns a number from 0 up to 1; replaced in tests. Pauses are spread over half their length,
            so that not everybody comes back at the same moment.
    """

    def __init__(self, jitter: Callable[[], float] = random.random) -> None:
        self._jitter = jitter
        self._runs: dict[Hashable, _Run] = {}
        self._most = _FEW

    def failed(
        self, key: Hashable, started: datetime, now: datetime, retry_after: timedelta | None = None
    ) -> datetime:
        """Count a failure and return until when the key is left alone.

        Args:
            key: Who failed.
            started: When the attempt began. Attempts that were under way while another one failed are the
                same failure, however many they are.
            now: The moment.
            retry_after: What the service asked for.
        """
        run = self._runs.get(key)
        again = run is None or started >= run.counted
        failures = (run.failures if run else 0) + again
        pause = max(self._pause(failures), retry_after or timedelta())
        until = now + pause if run is None or again else max(run.until, now + (retry_after or timedelta()))
        counted = now if run is None or again else run.counted
        self._runs[key] = _Run(failures, counted, until)
        if len(self._runs) > self._most:
            self._forget(now)
        return until

    def succeeded(self, key: Hashable) -> None:
        """Forget a key's failures."""
        self._runs.pop(key, None)

    def failures(self, key: Hashable) -> int:
        """Return how often in a row the key has failed."""
        run = self._runs.get(key)
        return run.failures if run else 0

    def _forget(self, now: datetime) -> None:
        self._runs = {key: run for key, run in self._runs.items() if now - run.until < FORGOTTEN}
        self._most = max(2 * len(self._runs), _FEW)

    def _pause(self, failures: int) -> timedelta:
        full = min(FIRST * (1 << min(failures - 1, _MOST_DOUBLINGS)), LONGEST)
        return full * (0.5 + self._jitter() / 2)

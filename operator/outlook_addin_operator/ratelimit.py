"""A token bucket: Graph permits 500 writes of subscriptions in 20 s per app and tenant.

Source: learn.microsoft.com/graph/throttling-limits.
"""

import asyncio
from collections.abc import Awaitable, Callable

from outlook_addin_core.domain.clock import Clock


class TokenBucket:
    """Lets ``rate`` calls pass per second, and at most ``burst`` at once.

    Args:
        sleep: Replaced in tests.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        rate: float = 25.0,
        burst: int = 25,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._rate = rate
        self._burst = burst
        self._sleep = sleep
        self._tokens = float(burst)
        self._at = clock.monotonic()

    async def acquire(self) -> None:
        """Take one token; waits for it in the order of asking."""
        delay = self.reserve()
        if delay > 0:
            await self._sleep(delay)

    def reserve(self) -> float:
        """Take one token and return the seconds until it may be used."""
        now = self._clock.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        self._tokens -= 1
        return max(0.0, -self._tokens / self._rate)

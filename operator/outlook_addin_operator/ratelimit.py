"""How fast one tenant's subscriptions are written: Graph permits 500 writes in 20 s per app and tenant.

What a full bucket lets through at once counts, too: 5 and 24 a second make 485 in the busiest 20 seconds. The
rest is for requests that were held up on their way and arrive together.

Source: learn.microsoft.com/graph/throttling-limits.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from outlook_addin_core.domain.clock import Clock
from outlook_addin_core.domain.token_bucket import TokenBucket

ALL_TENANTS_RATE: Final = 96.0
ALL_TENANTS_BURST: Final = 20
"""Over all tenants an app may write 2,000 times in 20 s; 20 and 96 a second make 1,940."""

LONGEST_REST: Final = 120.0
RELIEF_PAUSE: Final = 30.0


class Throttle:
    """Makes each call wait for its token, and remembers when the service asked to be left alone.

    Args:
        rate: Calls per second.
        burst: How many may go at once.
        shared: A limit over all tenants, which every call counts for, too.
        sleep: Replaced in tests.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        rate: float = 24.0,
        burst: int = 5,
        shared: TokenBucket | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._bucket = TokenBucket(clock, rate, burst)
        self._shared = shared
        self._sleep = sleep
        self._resting_until = clock.monotonic()
        self._troubled = False
        self._relieved_at = -RELIEF_PAUSE

    @property
    def rest(self) -> float:
        """Seconds for which the service asked everybody to stay away; 0 if it did not."""
        return max(0.0, self._resting_until - self._clock.monotonic())

    def pause(self, seconds: float) -> None:
        """Take note that the service asks to stay away; two minutes at most, and then one asks again."""
        until = self._clock.monotonic() + min(seconds, LONGEST_REST)
        self._resting_until = max(self._resting_until, until)

    def trouble(self) -> None:
        """Take note that the service failed, as it may for everybody."""
        self._troubled = True

    def relieved(self) -> bool:
        """Take note of a success; tell whether it is the first one after failures, twice a minute at most."""
        now = self._clock.monotonic()
        if not self._troubled or now - self._relieved_at < RELIEF_PAUSE:
            return False
        self._troubled, self._relieved_at = False, now
        return True

    async def acquire(self) -> None:
        """Take one token; waits for it in the order of asking, then for the one over all tenants."""
        for bucket in (self._bucket, self._shared):
            delay = bucket.reserve() if bucket is not None else 0.0
            if delay > 0:
                await self._sleep(delay)

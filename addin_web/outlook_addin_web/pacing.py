"""Token buckets in front of Graph and Unblu, so that they need not tell us to slow down.

Graph permits 10,000 requests in ten minutes per application and mailbox
(learn.microsoft.com/graph/throttling-limits); for a tenant and for Unblu nothing is documented, and these
rates are far above what ordinary work needs. Every replica has buckets of its own.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Final

import httpx2

from outlook_addin_core.domain.clock import Clock
from outlook_addin_core.domain.token_bucket import TokenBucket

MAILBOX_RATE: Final = 10.0
MAILBOX_BURST: Final = 40
TENANT_RATE: Final = 100.0
TENANT_BURST: Final = 200
UNBLU_RATE: Final = 50.0
UNBLU_BURST: Final = 100
REMEMBERED: Final = 10_000

_USER: Final = re.compile(r"/users/([0-9A-Za-z-]+)")

Sleep = Callable[[float], Awaitable[None]]


class Pace:
    """Makes each request of one client wait for its tokens; fits httpx2's request hook.

    Args:
        rate: Requests per second for the whole client.
        burst: How many may go at once.
        per_mailbox: Whether each mailbox named in the URL has a bucket of its own, too.
        sleep: Replaced in tests.
    """

    def __init__(
        self,
        clock: Clock,
        rate: float,
        burst: int,
        *,
        per_mailbox: bool = False,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._all = TokenBucket(clock, rate, burst)
        self._per_mailbox = per_mailbox
        self._mailboxes: dict[str, TokenBucket] = {}
        self._sleep = sleep

    async def __call__(self, request: httpx2.Request) -> None:
        """Wait for the request's turn."""
        delay = max(self._all.reserve(), self._mailbox_delay(request.url.path))
        if delay > 0:
            await self._sleep(delay)

    def _mailbox_delay(self, path: str) -> float:
        found = _USER.search(path) if self._per_mailbox else None
        if found is None:
            return 0.0
        if len(self._mailboxes) >= REMEMBERED:
            self._mailboxes = {key: each for key, each in self._mailboxes.items() if not each.is_full}
        bucket = self._mailboxes.get(found[1])
        if bucket is None:
            bucket = self._mailboxes[found[1]] = TokenBucket(self._clock, MAILBOX_RATE, MAILBOX_BURST)
        return bucket.reserve()


def graph_pace(clock: Clock) -> Pace:
    """Return the pace of one tenant at Graph."""
    return Pace(clock, TENANT_RATE, TENANT_BURST, per_mailbox=True)


def unblu_pace(clock: Clock) -> Pace:
    """Return the pace at Unblu."""
    return Pace(clock, UNBLU_RATE, UNBLU_BURST)

"""Holds the Lease for as long as there is work to do under it; its rules stand in ``domain.election``."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

from outlook_addin_core.domain.clock import Clock
from outlook_addin_core.domain.election import DEADLINE, RETRY, Candidate, Sight, Step, Term, given_back, seen
from outlook_addin_web.metrics import Metrics
from outlook_addin_web.ports import Lease, StoreUnavailable

log = logging.getLogger(__name__)

LENGTH: Final = timedelta(seconds=15)
"""How long after its holder's last sign of life the Lease is free."""
SURE: Final = LENGTH * DEADLINE
"""How long after its last renewal a holder goes on."""
PAUSE: Final = (LENGTH * RETRY).total_seconds()
"""Seconds between two signs of life, and between two looks of the others."""
PATIENCE: Final = 5.0
"""Seconds that one call to Kubernetes may take: a term must not run out while we wait for an answer."""


class Leadership:
    """Takes part in the election and does the work while it holds the Lease.

    Args:
        lease: Where the election is held.
        me: Our name in it; no other process may have it.
        pause: Waits between two looks, in seconds; replaced in tests.
    """

    def __init__(
        self,
        lease: Lease,
        me: str,
        clock: Clock,
        metrics: Metrics,
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._lease = lease
        self._me = Candidate(me, LENGTH)
        self._clock = clock
        self._metrics = metrics
        self._pause = pause
        self._sight: Sight | None = None
        self._sure_until = 0.0

    @property
    def leads(self) -> bool:
        """Whether the Lease is ours for certain."""
        return self._clock.monotonic() < self._sure_until

    async def run(self, work: Callable[[], Awaitable[None]]) -> None:
        """Take part until cancelled; then give the Lease back."""
        try:
            while True:
                if await self._campaign():
                    await self._lead(work)
                await self._pause(PAUSE)
        finally:
            self._metrics.leading.set(0)
            await self._give_back()

    async def _lead(self, work: Callable[[], Awaitable[None]]) -> None:
        """Work and give signs of life until the Lease is lost."""
        log.info("this replica sweeps")
        self._metrics.leading.set(1)
        working = asyncio.ensure_future(work())
        try:
            while self.leads and not working.done():
                await self._pause(PAUSE)
                await self._campaign()
        finally:
            self._metrics.leading.set(0)
            await _stopped(working)
        log.warning("this replica does not sweep any more")

    async def _campaign(self) -> bool:
        """Look at the Lease once and do what it says; tells whether it is ours."""
        asked = self._clock.monotonic()
        try:
            async with asyncio.timeout(PATIENCE):
                mine = await self._step()
        except (StoreUnavailable, TimeoutError) as error:
            log.warning("the Lease cannot be read or written: %s", error)
            return False
        self._sure_until = asked + SURE.total_seconds() if mine else 0.0
        return mine

    async def _step(self) -> bool:
        term = await self._lease.read()
        self._sight = None if term is None else seen(self._sight, term, self._clock.monotonic())
        if self._me.step(self._sight, self._clock.monotonic()) is Step.WAIT:
            return False
        return await self._write(self._me.claim(term, self._clock.now()))

    async def _write(self, term: Term) -> bool:
        written = await self._lease.write(term)
        if written is not None:
            self._sight = seen(self._sight, written, self._clock.monotonic())
        return written is not None

    async def _give_back(self) -> None:
        """Leave the Lease to the others at once, instead of letting the term run out."""
        if self._sight is None or self._sight.term.holder != self._me.name:
            return
        self._sure_until = 0.0
        with contextlib.suppress(StoreUnavailable, TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self._lease.write(given_back(self._sight.term))


async def _stopped(working: "asyncio.Future[None]") -> None:
    """End the work; what it failed with, if it did, is told."""
    working.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        try:
            await working
        except Exception:
            log.exception("sweeping ended unexpectedly")

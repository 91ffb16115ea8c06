"""A bounded number of reconciles at a time, started when their keys are due.

A reconcile that fails hurts nobody but its own key, which is tried again after a growing pause.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

from outlook_addin_core.domain.clock import Clock
from outlook_addin_operator.cluster import ClusterError
from outlook_addin_operator.keys import Key
from outlook_addin_operator.schedule import Schedule

logger = logging.getLogger(__name__)

LONGEST_SLEEP: Final = 30.0
"""Seconds after which the clock is read again: it may have been set meanwhile."""

RECONCILE_TIMEOUT: Final = 120.0
FIRST_PAUSE: Final = timedelta(seconds=5)
LONGEST_PAUSE: Final = timedelta(minutes=10)


def pause(failures: int) -> timedelta:
    """Return how long a key rests after so many failures in a row."""
    return min(FIRST_PAUSE * (1 << min(failures - 1, 10)), LONGEST_PAUSE)


class Workers:
    """Runs ``reconcile`` for every key that is due.

    Args:
        schedule: The due times; woken only through ``wake``, so that a sleeping dispatcher notices.
        reconcile: Does the work and returns when the key is due next, or None for never by itself.
        clock: Where the time comes from.
        limit: How many run at once.
        observe: Is told the kind and the seconds of every reconcile.
    """

    def __init__(
        self,
        schedule: Schedule,
        reconcile: Callable[[Key], Awaitable[datetime | None]],
        clock: Clock,
        *,
        limit: int = 16,
        observe: Callable[[str, float], None] = lambda _kind, _seconds: None,
    ) -> None:
        self._schedule = schedule
        self._reconcile = reconcile
        self._clock = clock
        self._observe = observe
        self._limit = limit
        self._finishing = False
        self._earlier = asyncio.Event()
        self._failures: dict[Key, int] = {}
        self._tick = clock.monotonic()

    def wake(self, key: Key, at: datetime) -> None:
        """See to it that a key is looked at no later than this."""
        if self._schedule.wake(key, at):
            self._earlier.set()

    @property
    def tick_age(self) -> float:
        """Seconds since the dispatcher last looked at the schedule: grows only when it is stuck."""
        return self._clock.monotonic() - self._tick

    async def run(self) -> None:
        """Work until cancelled, or until ``finish`` was called and what was under way is done.

        What is cancelled is due at once, for whoever runs next.
        """
        free = asyncio.Semaphore(self._limit)
        async with asyncio.TaskGroup() as group:
            while True:
                await free.acquire()
                key = await self._next_key()
                if key is None:
                    return
                group.create_task(self._work(key)).add_done_callback(lambda _task: free.release())

    def finish(self) -> None:
        """Begin nothing more."""
        self._finishing = True
        self._earlier.set()

    async def _next_key(self) -> Key | None:
        while not self._finishing:
            self._tick = self._clock.monotonic()
            self._earlier.clear()
            key = self._schedule.pop(self._clock.now())
            if key is not None:
                return key
            await self._sleep()
        return None

    async def _sleep(self) -> None:
        due = self._schedule.next_timer()
        seconds = LONGEST_SLEEP
        if due is not None:
            seconds = min(seconds, max(0.0, (due - self._clock.now()).total_seconds()))
        try:
            async with asyncio.timeout(seconds):
                await self._earlier.wait()
        except TimeoutError:
            return

    async def _work(self, key: Key) -> None:
        started = self._clock.monotonic()
        next_time: datetime | None = None
        try:
            async with asyncio.timeout(RECONCILE_TIMEOUT):
                next_time = await self._reconcile(key)
            self._failures.pop(key, None)
        except asyncio.CancelledError:
            next_time = self._clock.now()
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not stop the other keys
            next_time = self._failed(key, error)
        finally:
            self._schedule.done(key, next_time)
            self._earlier.set()
            self._observe(key.kind, self._clock.monotonic() - started)

    def _failed(self, key: Key, error: Exception) -> datetime:
        """Log the first failure with its trace, unless the API server is to blame; the others in a line."""
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        rest = pause(failures)
        logger.warning(
            "reconciling %s %s/%s failed %d times (%s); next attempt in %d s",
            key.kind,
            key.namespace,
            key.name,
            failures,
            type(error).__name__,
            rest.total_seconds(),
            exc_info=error if failures == 1 and not isinstance(error, ClusterError) else None,
        )
        return self._clock.now() + rest

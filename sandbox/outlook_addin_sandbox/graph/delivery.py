"""Delivery of notifications: batches, deadlines, retries, and everything that goes wrong in reality."""

import asyncio
import contextlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import aiohttp

from outlook_addin_sandbox.graph.delivery_state import EndpointStates
from outlook_addin_sandbox.graph.faults import GraphFaults


@dataclass
class Delivery:
    """One item on its way to one URL; times are those of the event loop, in seconds."""

    url: str
    item: dict[str, Any]
    born: float
    due: float
    attempts: int = 0


class Courier:
    """Brings items to their URLs, groups them by URL, and tries again until they are too old.

    A 2xx answer within 3 s delivers; retries get 10 s and follow at growing distances for up to 4 h.

    Args:
        faults: delays, losses, duplicates and deadlines.
    """

    def __init__(self, faults: GraphFaults) -> None:
        self._faults = faults
        self._waiting: list[Delivery] = []
        self._under_way = 0
        self._changed = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None
        self.states = EndpointStates(faults)
        self.outcomes: Counter[str] = Counter()
        """Items by outcome: `delivered`, `retried`, `lost`, `dropped`, `expired`."""

    async def start(self, session: aiohttp.ClientSession) -> None:
        """Begin to deliver through `session`."""
        self._session = session
        self._run(self._deliver_what_is_due())

    async def stop(self) -> None:
        """Stop, whatever is still on its way."""
        for task in self._tasks:
            task.cancel()
        for task in list(self._tasks):
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def send(self, url: str, item: dict[str, Any]) -> None:
        """Queue an item, unless a fault swallows it; duplicates and slow endpoints are considered here."""
        now = asyncio.get_running_loop().time()
        state = self.states.of(url, now)
        if self._swallowed(state):
            return
        self._idle.clear()
        slow = self._faults.slow_delay if state == "slow" else 0.0
        for _ in range(1 + self._faults.duplicates):
            self._waiting.append(Delivery(url, item, born=now, due=now + self._faults.delay + slow))
        self._changed.set()

    @property
    def pending(self) -> int:
        """Items that have been neither delivered nor given up."""
        return len(self._waiting) + self._under_way

    async def settle(self, timeout: float) -> None:  # noqa: ASYNC109
        """Wait until nothing is pending.

        Raises:
            TimeoutError: something still is after `timeout` seconds.
        """
        try:
            async with asyncio.timeout(timeout):
                await self._idle.wait()
        except TimeoutError as error:
            raise TimeoutError(f"{self.pending} notifications are still on their way") from error

    def _swallowed(self, state: str) -> bool:
        if state == "drop":
            self.outcomes["dropped"] += 1
            return True
        if self._faults.lose > 0:
            self._faults.lose -= 1
            self.outcomes["lost"] += 1
            return True
        return False

    async def _deliver_what_is_due(self) -> None:
        while True:
            now = asyncio.get_running_loop().time()
            due = [each for each in self._waiting if each.due <= now]
            self._waiting = [each for each in self._waiting if each.due > now]
            for url, deliveries in self._batches(due):
                self._under_way += len(deliveries)
                self._run(self._post(url, deliveries))
            await self._wait_for_next(now)

    async def _wait_for_next(self, now: float) -> None:
        self._changed.clear()
        pause = min((each.due for each in self._waiting), default=None)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if pause is None else max(pause - now, 0.001)):
                await self._changed.wait()

    def _batches(self, due: list[Delivery]) -> Iterator[tuple[str, list[Delivery]]]:
        """First tries and retries have different deadlines, so they never share a POST."""
        groups: defaultdict[tuple[str, bool], list[Delivery]] = defaultdict(list)
        for each in reversed(due) if self._faults.reorder else due:
            groups[each.url, each.attempts == 0].append(each)
        size = max(self._faults.batch_size, 1)
        for (url, _), group in groups.items():
            for start in range(0, len(group), size):
                yield url, group[start : start + size]

    async def _post(self, url: str, deliveries: list[Delivery]) -> None:
        try:
            if await self._accepted(url, deliveries):
                self.outcomes["delivered"] += len(deliveries)
            else:
                self._retry(deliveries)
        finally:
            self._under_way -= len(deliveries)
            if not self.pending:
                self._idle.set()

    async def _accepted(self, url: str, deliveries: list[Delivery]) -> bool:
        first = deliveries[0].attempts == 0
        limit = self._faults.first_timeout if first else self._faults.retry_timeout
        items = [each.item for each in deliveries]
        if self._faults.forge:
            items.append({**items[0], "clientState": "forged"})
        if self._session is None:
            raise RuntimeError("not started")
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            async with asyncio.timeout(limit), self._session.post(url, json={"value": items}) as response:
                accepted = response.ok
        except TimeoutError:
            accepted = False
        except aiohttp.ClientError:
            return False
        self.states.note(url, clock() - began, clock())
        return accepted

    def _retry(self, deliveries: list[Delivery]) -> None:
        now = asyncio.get_running_loop().time()
        for each in deliveries:
            pause = self._faults.retry_base * 2.0**each.attempts
            each.attempts += 1
            each.due = now + pause
            if each.due - each.born > self._faults.retry_limit:
                self.outcomes["expired"] += 1
            else:
                self.outcomes["retried"] += 1
                self._waiting.append(each)
        self._changed.set()

    def _run(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

"""An event loop whose time passes only when nobody has anything to do, and then at once."""

import asyncio
import random
import secrets
import selectors
from base64 import urlsafe_b64encode
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from unittest.mock import patch

Result = TypeVar("Result")

BEGINNING = datetime(2027, 3, 22, 9, 0, tzinfo=UTC)
"""A Monday morning; the clocks of Europe change on the Sunday that follows."""


class StuckError(RuntimeError):
    """Everybody waits, and nothing will ever happen any more."""


class _Selector(selectors.SelectSelector):
    """Skips pauses; there are no sockets to wait for."""

    def __init__(self) -> None:
        super().__init__()
        self.skipped = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready:
            return ready
        if timeout is None:
            raise StuckError("no timer is set and nothing is ready")
        self.skipped += max(timeout, 0.0)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time begins at zero and jumps from timer to timer."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.skipped


class VirtualClock:
    """The clock of a loop, for the product (as an object) and for the simulators (as a function)."""

    def __init__(self, loop: asyncio.AbstractEventLoop, beginning: datetime = BEGINNING) -> None:
        self._loop = loop
        self._beginning = beginning

    def __call__(self) -> datetime:
        return self.now()

    def now(self) -> datetime:
        return self._beginning + timedelta(seconds=self._loop.time())

    def elapsed(self) -> float:
        """Return the loop's time."""
        return self._loop.time()

    def monotonic(self) -> float:
        return self._loop.time() + 1_000_000


@contextmanager
def without_chance() -> Iterator[None]:
    """Let what is drawn by lot come out the same every time: ids, and how long a service is left alone."""
    chance, state = random.Random(0), random.getstate()
    drawn: dict[str, Any] = {
        "token_bytes": lambda size=32: chance.randbytes(size),
        "token_hex": lambda size=32: chance.randbytes(size).hex(),
        "token_urlsafe": lambda size=32: urlsafe_b64encode(chance.randbytes(size)).decode().rstrip("="),
    }
    random.seed(0)
    try:
        with patch.multiple(secrets, **drawn):
            yield
    finally:
        random.setstate(state)


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run to the end in a loop of its own; what is left running then is cancelled."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)

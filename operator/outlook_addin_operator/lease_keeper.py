"""Leadership as the rest of the operator sees it: work that runs only while the Lease is held.

The Lease is renewed in a thread, because a loop that is busy taking in fifty thousand objects may not answer
for seconds. The loop learns of a loss by its own clock, without asking anybody.
"""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from outlook_addin_operator.lease import Elector, LeaseError

logger = logging.getLogger(__name__)

GLANCE: Final = 1.0
"""Seconds after which the clocks are read again while the Lease is held: one of them may have jumped."""


class NotLeadingError(Exception):
    """This process does not hold the Lease (any more), so it writes nothing."""


class Leadership(Protocol):
    """Whether this process may work."""

    @property
    def remaining(self) -> float:
        """Seconds for which it may, as far as is known; 0 if it may not."""
        ...

    async def changed(self) -> None:
        """Wait until ``remaining`` may have become more than it was."""
        ...


class Alone:
    """Leadership of an operator that has the cluster to itself, by its configuration."""

    remaining: float = float("inf")

    async def changed(self) -> None:
        """Never return: nothing changes."""
        await asyncio.Event().wait()


class LeaseKeeper:
    """Renews the Lease in a thread, or waits there for it.

    Args:
        closing: Called at the end, in that thread.
    """

    def __init__(self, elector: Elector, *, closing: Callable[[], None] = lambda: None) -> None:
        self._elector = elector
        self._closing = closing
        self._stopping = False
        self._awake = threading.Event()
        self._news = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)

    @property
    def remaining(self) -> float:
        """Seconds for which this process may work."""
        return self._elector.remaining

    @property
    def changed_at(self) -> float:
        """When the record was last seen to change, by the monotonic clock."""
        return self._elector.changed_at

    def start(self) -> None:
        """Begin; news arrive at the running loop."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def nudge(self) -> None:
        """Have a look now: somebody has released the Lease."""
        self._awake.set()

    async def changed(self) -> None:
        """Wait for the next step."""
        self._news.clear()
        await self._news.wait()

    async def stop(self) -> None:
        """Release the Lease, if it is ours, and end."""
        self._stopping = True
        self._awake.set()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join, 15)

    def _run(self) -> None:
        held = False
        while not self._stopping:
            self._awake.clear()
            self._step()
            if held != (self.remaining > 0):
                held = not held
                logger.info("the Lease is %s", "held: this operator works" if held else "not held: standby")
            self._tell()
            self._awake.wait(self._elector.pause)
        try:
            self._elector.release()
        except LeaseError as error:
            logger.warning("the Lease was not released and runs out by itself: %s", error)
        self._closing()

    def _step(self) -> None:
        try:
            self._elector.step()
        except LeaseError as error:
            logger.warning("%s", error)
        except Exception:
            logger.exception("the Lease could not be looked after")

    def _tell(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._news.set)


def fence(leadership: Leadership) -> None:
    """Let nobody pass who may not work. Raises NotLeadingError."""
    if leadership.remaining <= 0:
        raise NotLeadingError("the Lease is not held")


async def while_leading(leadership: Leadership, work: Callable[[], Awaitable[None]]) -> None:
    """Run ``work`` while the Lease is held, again each time it comes back, until ``work`` returns.

    When the Lease is lost, the work is cancelled at once.
    """
    while True:
        while leadership.remaining <= 0:
            await leadership.changed()
        task = asyncio.ensure_future(work())
        try:
            while leadership.remaining > 0:
                await asyncio.wait({task}, timeout=min(leadership.remaining, GLANCE))
                if task.done():
                    return task.result()
        except NotLeadingError:
            pass  # the work was refused before we looked
        finally:
            task.cancel()
            await asyncio.wait({task})
        logger.warning("the Lease is lost: all work has stopped")

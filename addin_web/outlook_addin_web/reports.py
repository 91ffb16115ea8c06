"""Tells Kubernetes whether each mailbox is in sync: transitions only, one write at a time."""

import asyncio
import contextlib
import logging
from typing import Final

from outlook_addin_core.domain.mailbox import Mailbox
from outlook_addin_web.ports import StoreUnavailable, Subscriptions
from outlook_addin_web.verdicts import Verdict

log = logging.getLogger(__name__)

PAUSE: Final = 0.05
"""Seconds between two writes: whatever happens, the API server sees at most twenty a second from us."""
RETRY: Final = 15.0
"""Seconds to wait when Kubernetes fails."""


class Reports:
    """Writes verdicts; of several about one mailbox, the last one counts.

    Args:
        subscriptions: Where they are written.
        pause: Seconds between two writes.
        retry: Seconds after a failure.
    """

    def __init__(self, subscriptions: Subscriptions, *, pause: float = PAUSE, retry: float = RETRY) -> None:
        self._subscriptions = subscriptions
        self._pause = pause
        self._retry = retry
        self._said: dict[Mailbox, Verdict] = {}
        self._pending: dict[Mailbox, Verdict] = {}
        self._wake = asyncio.Event()

    def say(self, mailbox: Mailbox, verdict: Verdict) -> None:
        """Note what is true now."""
        if self._said.get(mailbox) == verdict:
            self._pending.pop(mailbox, None)
            return
        self._pending[mailbox] = verdict
        self._wake.set()

    def learn(self, mailbox: Mailbox, verdict: Verdict | None) -> None:
        """Note what Kubernetes holds; another replica may have written it."""
        if verdict is None:
            self._said.pop(mailbox, None)
        else:
            self._said[mailbox] = verdict

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._pending:
                mailbox = next(iter(self._pending))
                await asyncio.sleep(self._pause if await self._write(mailbox) else self._retry)

    async def flush(self, seconds: float) -> None:
        """Write what is pending, or as much of it as the time allows; for a process that ends."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._pending and await self._write(next(iter(self._pending))):
                    pass

    async def _write(self, mailbox: Mailbox) -> bool:
        """Write what is pending for a mailbox; until it is answered, nobody knows what Kubernetes holds."""
        verdict = self._pending[mailbox]
        self.learn(mailbox, None)
        try:
            written = await self._subscriptions.report(mailbox, verdict)
        except StoreUnavailable as error:
            log.warning("a condition cannot be written: %s", error, extra={"mailbox": mailbox.log_id})
            self._pending[mailbox] = self._pending.pop(mailbox, verdict)  # the others go first
            return False
        self.learn(mailbox, verdict if written else None)
        if self._pending.get(mailbox) == verdict:
            del self._pending[mailbox]
        return True

"""Whether our Unblu identity may do what synchronising needs."""

import logging
from datetime import timedelta
from typing import Final

from outlook_addin_core.domain.clock import Clock
from outlook_addin_web.metrics import Metrics
from outlook_addin_web.ports import Conversations

log = logging.getLogger(__name__)

VALIDITY: Final = timedelta(minutes=10)
"""A role that a person grants takes effect after this time at the latest, without a restart."""


class Role:
    """Asks Unblu who we are, now and then, and says loudly if the role is not ADMIN.

    Without that role conversations can be renamed and moved where Unblu allows it, but markers cannot be
    written and nothing is deleted.
    """

    def __init__(self, conversations: Conversations, clock: Clock, metrics: Metrics) -> None:
        self._conversations = conversations
        self._clock = clock
        self._metrics = metrics
        self._suffices = False
        self._asked: float | None = None

    async def suffices(self) -> bool:
        """Return whether deletions may be tried.

        Raises:
            ClientError: Unblu could not be asked.
        """
        now = self._clock.monotonic()
        if self._asked is None or now - self._asked >= VALIDITY.total_seconds():
            self._suffices = (await self._conversations.current_person()).is_admin
            self._asked = now
            self._metrics.may_delete.set(self._suffices)
            if not self._suffices:
                log.warning(
                    "InsufficientRole: give the sync server's identity the Unblu role ADMIN; "
                    "until then conversations are not deleted with their events"
                )
        return self._suffices

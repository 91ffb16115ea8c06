"""Since when events have been seen gone: the only memory of the synchronisation.

It is lost with the process, which makes a deletion later, never wrong.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Final

from outlook_addin_core.domain.clock import Clock
from outlook_addin_core.domain.conversations import Conversation, Marker

PUNCTUAL: Final = timedelta(minutes=1)
"""How late a look may be and still count as the one that was planned."""


@dataclass(frozen=True)
class _Sight:
    """A first sight, and what the conversation said then.

    Whoever has changed the conversation since has seen an event that wants it.
    """

    at: datetime
    marker: Marker | None
    topic: str
    scheduled: datetime | None

    def holds_for(self, conversation: Conversation) -> bool:
        return self == _Sight(self.at, conversation.marker, conversation.topic, conversation.scheduled)


class Sightings:
    """First sights, by conversation.

    Args:
        grace: After how long they are looked at again.
    """

    def __init__(self, grace: timedelta, clock: Clock) -> None:
        self._longest = 2 * grace + PUNCTUAL
        self._clock = clock
        self._sights: dict[str, _Sight] = {}

    def __len__(self) -> int:
        return len(self._sights)

    def since(self, conversation: Conversation) -> datetime | None:
        """Return since when a conversation's event has been seen gone without a break, as far as is known.

        Another replica may have seen the event restored, and a look that was held up for another grace period
        may have missed it. Both make the next sight the first.
        """
        sight = self._sights.get(conversation.id)
        if sight is None or self._is_too_old(sight) or not sight.holds_for(conversation):
            return None
        return sight.at

    def remember(self, conversation: Conversation, at: datetime) -> None:
        """Note a first sight, and forget those that nobody has come back to."""
        self.forget(conversation)
        for each in [*takewhile(lambda each: self._is_too_old(self._sights[each]), self._sights)]:
            del self._sights[each]
        self._sights[conversation.id] = _Sight(
            at, conversation.marker, conversation.topic, conversation.scheduled
        )

    def forget(self, conversation: Conversation) -> None:
        """Note that a conversation's event is there, or that the conversation is gone."""
        self._sights.pop(conversation.id, None)

    def _is_too_old(self, sight: _Sight) -> bool:
        return self._clock.now() > sight.at + self._longest

"""Which events conversations record, so that an event without a link is recognised without asking Unblu.

Most events of a bank carry no link, and their notifications must cost nothing. One of them may still be a
conversation's event that has lost its custom properties. So every replica remembers the event ids that it has
seen in conversations, each as one number (some 70 bytes), and lists all open conversations now and then: a
hundred by one request. What is remembered is only a hint where to look: a hit is read and decided as
anything else, and a miss is repaired by the sweep.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Final

from outlook_addin_core.clients.errors import ClientError
from outlook_addin_core.domain.conversations import Conversation, Marker
from outlook_addin_core.domain.links import SourceId
from outlook_addin_core.domain.mailbox import Mailbox
from outlook_addin_web.ports import Conversations, Person

log = logging.getLogger(__name__)

START: Final = 10.0
"""Seconds from the start to the first listing: whoever sweeps lists all conversations anyway."""
RETRY: Final = 60.0
"""Seconds until a listing that failed is tried again."""


class Recorded:
    """The events that conversations were seen to record."""

    def __init__(self) -> None:
        self._current: set[int] = set()
        self._earlier: set[int] = set()

    def __len__(self) -> int:
        return len(self._current | self._earlier)

    def has(self, mailbox: Mailbox, event_id: str) -> bool:
        """Whether a conversation of the mailbox probably records the event."""
        number = hash((mailbox, event_id))
        return number in self._current or number in self._earlier

    def note(self, conversation: Conversation) -> None:
        """Remember what a conversation records, if it is one of ours and records anything."""
        source, marker = SourceId.parse(conversation.source_id or ""), conversation.marker
        if source is not None and marker is not None and not conversation.is_over:
            self._current.add(hash((source.mailbox, marker.event_id)))

    async def renewed(self, everything: AsyncIterator[Conversation]) -> AsyncIterator[Conversation]:
        """Pass a list of all open conversations on; when it was complete, forget what was not in it."""
        self._earlier |= self._current
        noted = self._current = set()
        async for conversation in everything:
            yield conversation
        if self._current is noted:
            self._earlier = set()


class RememberedConversations:
    """Unblu's conversations, with a note taken of every one that is read; fits ``ports.Conversations``.

    Args:
        conversations: The real ones.
        recorded: Takes the notes.
        addin_id: Whose conversations are listed by ``keep_up``.
    """

    def __init__(self, conversations: Conversations, recorded: Recorded, addin_id: str) -> None:
        self._conversations = conversations
        self._recorded = recorded
        self._everything = SourceId.prefix_of_all(addin_id)

    async def keep_up(self, leads: Callable[[], bool], interval: timedelta) -> None:
        """List all open conversations every interval until cancelled; who sweeps does so anyway."""
        pause = START
        while True:
            await asyncio.sleep(pause)
            pause = max(interval.total_seconds(), 1.0)
            try:
                if not leads():
                    async for _ in self.search_mailbox(self._everything):
                        pass
            except ClientError as error:
                log.warning("the events that conversations record cannot be listed: %s", error)
                pause = min(pause, RETRY)

    async def current_person(self) -> Person:
        """Return who we are."""
        return await self._conversations.current_person()

    async def read(self, conversation_id: str) -> Conversation:
        """Read one conversation."""
        return self._noted(await self._conversations.read(conversation_id))

    async def find_by_source_id(self, source_id: str) -> Conversation | None:
        """Return the conversation with a source id."""
        found = await self._conversations.find_by_source_id(source_id)
        return None if found is None else self._noted(found)

    async def search_mailbox(self, prefix: str) -> AsyncIterator[Conversation]:
        """Yield the open conversations whose source id begins with a prefix."""
        found = self._conversations.search_mailbox(prefix)
        if prefix == self._everything:
            found = self._recorded.renewed(found)
        async for conversation in found:
            yield self._noted(conversation)

    async def set_topic(self, conversation_id: str, topic: str) -> Conversation:
        """Rename a conversation."""
        return self._noted(await self._conversations.set_topic(conversation_id, topic))

    async def set_scheduled(self, conversation_id: str, scheduled: datetime) -> Conversation:
        """Move a conversation."""
        return self._noted(await self._conversations.set_scheduled(conversation_id, scheduled))

    async def delete(self, conversation_id: str) -> None:
        """Delete a conversation."""
        await self._conversations.delete(conversation_id)

    async def update_metadata(self, conversation: Conversation, marker: Marker) -> Conversation:
        """Write the marker."""
        return self._noted(await self._conversations.update_metadata(conversation, marker))

    def _noted(self, conversation: Conversation) -> Conversation:
        self._recorded.note(conversation)
        return conversation

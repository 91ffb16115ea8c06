"""Looks at all open conversations once after start: what changed while no pod was there, nobody notified.

It also takes up again the deletions whose grace period a restart has interrupted: that memory is the
process's own.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from outlook_addin_core.clients.errors import ClientError
from outlook_addin_core.domain.conversations import Conversation
from outlook_addin_core.domain.links import SourceId
from outlook_addin_core.domain.renewal import backoff
from outlook_addin_web.dirty_queue import Kind, Task
from outlook_addin_web.ports import Conversations

log = logging.getLogger(__name__)

PAUSE: Final = 1.0
"""Seconds to wait when the queue is full; notifications come first."""


async def look_at_everything(
    addin_id: str, conversations: Conversations, submit: Callable[[Task], bool]
) -> None:
    """Note the event of every open conversation of the add-in; tries until Unblu has listed them all."""
    failures = 0
    while True:
        try:
            noted = await _note_all(addin_id, conversations, submit)
        except ClientError as error:
            failures += 1
            pause = backoff(failures)
            log.warning("open conversations cannot be listed, next try in %s: %s", pause, error)
            await asyncio.sleep(pause.total_seconds())
        else:
            log.info("open conversations are looked at", extra={"count": noted})
            return


async def _note_all(addin_id: str, conversations: Conversations, submit: Callable[[Task], bool]) -> int:
    noted = 0
    async for conversation in conversations.search_mailbox(f"outlook:{addin_id}:"):
        task = _task(addin_id, conversation)
        if task is None:
            continue
        while not submit(task):  # noqa: ASYNC110 - the queue tells nobody when it has room again
            await asyncio.sleep(PAUSE)
        noted += 1
    return noted


def _task(addin_id: str, conversation: Conversation) -> Task | None:
    source = SourceId.parse(conversation.source_id or "")
    if source is None or source.addin_id != addin_id or conversation.marker is None:
        return None
    return Task(source.mailbox, Kind.EVENT, conversation.marker.event_id)

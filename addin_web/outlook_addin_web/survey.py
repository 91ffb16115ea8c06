"""What a sweep does about one mailbox: its linked events against its open conversations. Pure.

A list proves nothing: it only says where somebody has to look. What is found becomes ordinary tasks, which
read again and decide as if a notification had come; whatever agrees already costs nothing more.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from outlook_addin_core.domain.conversations import Conversation
from outlook_addin_core.domain.decisions import Action, Policy, decide
from outlook_addin_core.domain.events import Event
from outlook_addin_core.domain.links import SourceId
from outlook_addin_core.domain.mailbox import Mailbox
from outlook_addin_web.tasks import Finding, Kind, Task

OUT_OF_SYNC: Final = frozenset({Finding.CREATION, Finding.CHANGE})
"""What proves that the mailbox is not in sync; the rest has to be looked at and may well be as it should."""

_Links = Mapping[UUID, list[Event]]


@dataclass(frozen=True)
class Survey:
    """One mailbox as a sweep saw it.

    Args:
        tasks: Where to look, each with what was found.
        open_links: How many open conversations belong to an event.
    """

    tasks: tuple[Task, ...]
    open_links: int

    @property
    def needs_repair(self) -> bool:
        """Whether something is known to differ."""
        return any(task.finding in OUT_OF_SYNC for task in self.tasks)


def survey(
    mailbox: Mailbox,
    linked: Iterable[Event],
    conversations: Iterable[Conversation],
    now: datetime,
    policy: Policy,
) -> Survey:
    """Compare the mailbox's linked events with its open conversations.

    Args:
        mailbox: Whose they are.
        linked: All events, in every calendar, that carry a link.
        conversations: All of the mailbox's conversations that have not ended, none of anybody else's.
        now: The moment.
        policy: What the installation allows.
    """
    links: defaultdict[UUID, list[Event]] = defaultdict(list)
    for event in linked:
        if event.link is not None:
            links[event.link].append(event)
    opened = {uuid: each for each in conversations if (uuid := _uuid(each)) is not None}
    tasks = [
        *(
            task
            for uuid, each in opened.items()
            for task in _of_pair(mailbox, each, links[uuid], now, policy)
        ),
        *(
            task
            for uuid, events in links.items()
            if uuid not in opened
            for task in _unpaired(mailbox, events, now)
        ),
    ]
    paired = sum(each.marker is not None or bool(links.get(uuid)) for uuid, each in opened.items())
    return Survey(tuple(tasks), paired)


def _uuid(conversation: Conversation) -> UUID | None:
    source = SourceId.parse(conversation.source_id or "")
    return source.uuid if source and not conversation.is_over else None


def _of_pair(
    mailbox: Mailbox, conversation: Conversation, events: list[Event], now: datetime, policy: Policy
) -> Iterator[Task]:
    marker = conversation.marker
    if marker is None and not events:
        if policy.draft_grace is not None or _lies_ahead(conversation, now):
            yield Task(mailbox, Kind.CONVERSATION, conversation.id, finding=Finding.DRAFT)
        return
    candidates = (each for each in events if marker is None or each.id == marker.event_id)
    known = min(candidates, key=_rank, default=None)
    if known is None:
        event_id = marker.event_id if marker else ""
        yield Task(mailbox, Kind.EVENT, event_id, suspected=True, finding=Finding.DELETION)
        return
    finding = _difference(known, conversation, now, policy)
    if finding is not None:
        suspected = finding is Finding.DELETION
        yield Task(mailbox, Kind.EVENT, known.id, suspected=suspected, finding=finding)


def _rank(event: Event) -> tuple[bool, bool]:
    """Sort what a conversation may record before what it should not: others' and cancelled events."""
    return not event.is_organizer, event.is_cancelled


def _lies_ahead(conversation: Conversation, now: datetime) -> bool:
    """Whether its event may be an occurrence that was scheduled by itself, which is in no list of events."""
    return conversation.scheduled is not None and conversation.scheduled > now


def _difference(event: Event, conversation: Conversation, now: datetime, policy: Policy) -> Finding | None:
    if not event.is_organizer:
        return None
    if event.is_cancelled:
        return Finding.DELETION
    if conversation.marker is None and policy.may_delete:
        return Finding.CREATION
    if event.is_series:
        return Finding.SERIES
    decision = decide(event, conversation, now, policy)
    return Finding.CHANGE if decision.action is Action.UPDATE else None


def _unpaired(mailbox: Mailbox, events: list[Event], now: datetime) -> Iterator[Task]:
    """Look for the conversations of what lies ahead; of what is over, nothing could be done any more."""
    for event in events:
        ahead = event.start is not None and event.start >= now
        if ahead and event.is_organizer and not event.is_cancelled:
            yield Task(mailbox, Kind.EVENT, event.id, finding=Finding.LINK)

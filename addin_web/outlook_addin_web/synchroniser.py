"""Looks at one place and brings Unblu in line with Outlook: gather, decide, apply, and look again.

What to do is decided in ``outlook_addin_core.domain.decisions`` and nowhere else. The only memory is here:
since when an event has been seen gone. It is lost with the process, which makes a deletion later, never
wrong.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, assert_never

from outlook_addin_core.clients.errors import NotFound
from outlook_addin_core.domain.clock import Clock
from outlook_addin_core.domain.conversations import Conversation, Marker
from outlook_addin_core.domain.decisions import Action, Decision, Policy, decide
from outlook_addin_core.domain.events import Event, Gone
from outlook_addin_core.domain.links import SourceId
from outlook_addin_core.domain.mailbox import Mailbox
from outlook_addin_web.dirty_queue import Kind, Task
from outlook_addin_web.metrics import Metrics
from outlook_addin_web.ports import Conversations, Events, Subscriptions
from outlook_addin_web.role import Role

log = logging.getLogger(__name__)

MAX_ROUNDS: Final = 3
"""How often an event that changes while it is worked on is decided about; its notification follows."""

AFTER_RENEWAL: Final = timedelta(minutes=5)
"""How long the operator is given for a renewal before the mailbox is looked through."""


@dataclass(frozen=True)
class _Look:
    """What one decision was made from."""

    mailbox: Mailbox
    event: Event | Gone | None
    conversation: Conversation
    source: SourceId
    suspected: bool


class Synchroniser:
    """Carries out tasks. One object serves all mailboxes; two tasks of one mailbox never run together.

    Args:
        addin_id: Whose links and conversations are touched; all others are left alone.
        policy: What the installation allows; whether we may delete is asked of Unblu.
        role: Knows whether we may.
        put_off: Is given what to look at again, and when.
    """

    def __init__(  # noqa: PLR0913 - the ports, each by its name
        self,
        *,
        addin_id: str,
        policy: Policy,
        events: Events,
        conversations: Conversations,
        subscriptions: Subscriptions,
        role: Role,
        put_off: Callable[[Task, datetime], None],
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._addin_id = addin_id
        self._policy = policy
        self._events = events
        self._conversations = conversations
        self._subscriptions = subscriptions
        self._role = role
        self._put_off = put_off
        self._clock = clock
        self._metrics = metrics
        self._gone_since: dict[str, datetime] = {}

    async def carry_out(self, task: Task) -> None:
        """Do one task.

        Raises:
            ClientError: Graph or Unblu could not be read or written; the task has to be tried again.
            StoreUnavailable: The same for Kubernetes.
        """
        match task.kind:
            case Kind.EVENT:
                await self._event(task)
            case Kind.CONVERSATIONS:
                self._look_at(task.mailbox, await self._open_conversations(task.mailbox))
            case Kind.RENEWAL:
                await self._renewal(task)
            case _:
                assert_never(task.kind)

    async def _event(self, task: Task) -> None:
        event = await self._events.get(task.mailbox, task.subject)
        if isinstance(event, Gone):
            await self._vanished(task)
            return
        if event.link is None:
            await self._unlinked(task, event)
            return
        source = SourceId(self._addin_id, task.mailbox, event.link)
        conversation = await self._conversations.find_by_source_id(str(source))
        if conversation is None:
            self._record(task.mailbox, decide(event, None, self._clock.now(), await self._current_policy()))
            return
        conversation = await self._marked(conversation, event)
        await self._conversation(task.mailbox, conversation, event=event, suspected=task.suspected)

    async def _vanished(self, task: Task) -> None:
        """Find whose event it was; an id that no conversation records makes all of the mailbox's suspects."""
        everything = await self._open_conversations(task.mailbox)
        recorded = [each for each in everything if each.marker and each.marker.event_id == task.subject]
        for conversation in recorded:
            await self._conversation(task.mailbox, conversation, suspected=True)
        if not recorded:
            self._look_at(task.mailbox, everything)

    def _look_at(self, mailbox: Mailbox, conversations: list[Conversation]) -> None:
        """Note each conversation's event as a task of its own, so that none stands in another's way."""
        for conversation in conversations:
            if conversation.marker is not None:
                task = Task(mailbox, Kind.EVENT, conversation.marker.event_id)
                self._put_off(task, self._clock.now())

    async def _renewal(self, task: Task) -> None:
        """Hand Graph's wish to the operator; what changes until it is granted may never be notified."""
        if await self._subscriptions.request_renewal(task.mailbox, task.subject):
            self._put_off(Task(task.mailbox, Kind.CONVERSATIONS), self._clock.now() + AFTER_RENEWAL)
        else:
            log.info("a renewal was asked for a mailbox without subscription", extra=_context(task.mailbox))

    async def _unlinked(self, task: Task, event: Event) -> None:
        """Most events carry no link; only one said to be deleted can still belong to a conversation."""
        if task.suspected:
            await self._vanished(task)
        else:
            self._record(task.mailbox, decide(event, None, self._clock.now(), await self._current_policy()))

    async def _conversation(
        self,
        mailbox: Mailbox,
        conversation: Conversation,
        *,
        event: Event | None = None,
        suspected: bool = False,
    ) -> None:
        """Decide about one conversation until its event stays as it was read."""
        source = SourceId.parse(conversation.source_id or "")
        if source is None or source.addin_id != self._addin_id or source.mailbox != mailbox:
            return
        known: Event | Gone | None = event
        if conversation.marker and (event is None or event.id != conversation.marker.event_id):
            await self._report_copy(mailbox, conversation, event)
            known = await self._events.get(mailbox, conversation.marker.event_id)
        look = _Look(mailbox, known, conversation, source, suspected)
        for _ in range(MAX_ROUNDS):
            decision = await self._decide(look)
            self._record(mailbox, decision)
            conversation = await self._apply(look, decision)
            again = await self._changed_meanwhile(look, decision)
            if again is None:
                return
            look = replace(look, event=again, conversation=conversation)

    async def _report_copy(self, mailbox: Mailbox, conversation: Conversation, event: Event | None) -> None:
        if event is not None:
            policy = await self._current_policy()
            self._record(mailbox, decide(event, conversation, self._clock.now(), policy))

    async def _decide(self, look: _Look) -> Decision:
        carriers = None
        if look.suspected or isinstance(look.event, Gone) or (look.event and look.event.is_cancelled):
            carriers = await self._events.find_by_link(look.mailbox, look.source.uuid)
        return decide(
            look.event,
            look.conversation,
            self._clock.now(),
            await self._current_policy(),
            carriers=carriers,
            gone_since=self._gone_since.get(look.conversation.id),
        )

    async def _apply(self, look: _Look, decision: Decision) -> Conversation:
        """Do what was decided and return the conversation as it is then."""
        conversation = look.conversation
        since = self._gone_since.get(conversation.id)
        if decision.action not in {Action.WAIT, Action.DELETE}:
            self._gone_since.pop(conversation.id, None)
        if decision.adopted is not None:
            conversation = await self._adopted(conversation, decision.adopted)
        match decision.action:
            case Action.UPDATE:
                conversation = await self._updated(conversation, decision)
            case Action.WAIT:
                self._wait(look, decision, since)
            case Action.DELETE:
                await self._delete(look, since)
                self._gone_since.pop(conversation.id, None)
            case Action.NOTHING | Action.KEEP | Action.REPORT | Action.IGNORE:
                pass
            case _:
                assert_never(decision.action)
        return conversation

    async def _updated(self, conversation: Conversation, decision: Decision) -> Conversation:
        if decision.topic is not None:
            conversation = await self._conversations.set_topic(conversation.id, decision.topic)
        if decision.scheduled is not None:
            conversation = await self._conversations.set_scheduled(conversation.id, decision.scheduled)
        return conversation

    def _wait(self, look: _Look, decision: Decision, since: datetime | None) -> None:
        """Remember the first sight and come back; whoever sees it again in the meantime changes nothing."""
        if since is not None or decision.not_before is None:
            return
        self._gone_since[look.conversation.id] = self._clock.now()
        marker = look.conversation.marker
        event_id = look.event.id if isinstance(look.event, Event) else marker.event_id if marker else None
        if event_id is not None:
            self._put_off(Task(look.mailbox, Kind.EVENT, event_id, suspected=True), decision.not_before)

    async def _delete(self, look: _Look, since: datetime | None) -> None:
        """Delete, unless the conversation has come into use between the first look and this one."""
        try:
            fresh = await self._conversations.read(look.conversation.id)
        except NotFound:
            return
        decision = decide(
            look.event,
            fresh,
            self._clock.now(),
            await self._current_policy(),
            carriers=(),
            gone_since=since,
        )
        if decision.action is Action.DELETE:
            await self._conversations.delete(fresh.id)
        else:
            self._record(look.mailbox, decision)

    async def _changed_meanwhile(self, look: _Look, decision: Decision) -> Event | Gone | None:
        """Return the event as it is now if what was written may already be out of date."""
        if decision.action is not Action.UPDATE or not isinstance(look.event, Event):
            return None
        event_id = decision.adopted or look.event.id
        now = await self._events.get(look.mailbox, event_id)
        unchanged = isinstance(now, Event) and now.etag == look.event.etag and event_id == look.event.id
        return None if unchanged else now

    async def _marked(self, conversation: Conversation, event: Event) -> Conversation:
        """Note in the conversation which event it belongs to, at first sight; only an ADMIN can."""
        if conversation.marker is not None or conversation.is_over or not await self._role.suffices():
            return conversation
        marker = Marker(event.id, self._clock.now())
        return await self._conversations.update_metadata(conversation, marker)

    async def _adopted(self, conversation: Conversation, event_id: str) -> Conversation:
        if not await self._role.suffices():
            return conversation
        first_seen = conversation.marker.first_seen if conversation.marker else self._clock.now()
        return await self._conversations.update_metadata(conversation, Marker(event_id, first_seen))

    async def _open_conversations(self, mailbox: Mailbox) -> list[Conversation]:
        prefix = SourceId.prefix(self._addin_id, mailbox)
        return [each async for each in self._conversations.search_mailbox(prefix)]

    async def _current_policy(self) -> Policy:
        return replace(self._policy, may_delete=await self._role.suffices())

    def _record(self, mailbox: Mailbox, decision: Decision) -> None:
        self._metrics.decisions.labels(decision.action.value, decision.reason.value).inc()
        quiet = decision.action in {Action.NOTHING, Action.IGNORE}
        log.log(
            logging.DEBUG if quiet else logging.INFO,
            "%s: %s",
            decision.action.value,
            decision.message,
            extra={**_context(mailbox), "reason": decision.reason.value},
        )


def _context(mailbox: Mailbox) -> dict[str, str]:
    return {"mailbox": mailbox.log_id}

"""Brings one conversation in line with its event: gather, decide, apply, and look again.

What to do is decided in ``outlook_addin_core.domain.decisions`` and nowhere else. To search the calendars
takes its time. So before a conversation is deleted, it and its event are read once more, and if either is not
as it was, everything is looked up again.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, assert_never

from outlook_addin_core.clients.errors import NotFound
from outlook_addin_core.domain.clock import Clock
from outlook_addin_core.domain.conversations import Conversation, Marker
from outlook_addin_core.domain.decisions import Action, Decision, Policy, decide
from outlook_addin_core.domain.events import Event, Gone
from outlook_addin_core.domain.links import SourceId
from outlook_addin_core.domain.mailbox import Mailbox
from outlook_addin_core.domain.series import Series, speaks_for_itself
from outlook_addin_web.metrics import Metrics
from outlook_addin_web.ports import Conversations, Events
from outlook_addin_web.role import Role
from outlook_addin_web.sightings import Sightings
from outlook_addin_web.tasks import Finding, Kind, Task

log = logging.getLogger(__name__)

MAX_ROUNDS: Final = 3
"""How often an event that changes while it is worked on is decided about; its notification follows."""


@dataclass(frozen=True)
class _Look:
    """What one decision is made from."""

    task: Task
    event: Event | Gone | None
    conversation: Conversation
    source: SourceId
    suspected: bool

    @property
    def mailbox(self) -> Mailbox:
        return self.task.mailbox

    @property
    def is_suspicious(self) -> bool:
        """Whether it may come to a deletion, so that the calendars have to be searched."""
        cancelled = isinstance(self.event, Event) and self.event.is_cancelled
        return self.suspected or isinstance(self.event, Gone) or cancelled


@dataclass(frozen=True)
class _Found:
    """What was looked up beside the event."""

    carriers: list[Event] | None = None
    mentions: list[Event] | None = None
    series: Series | None = None


class Keeper:
    """Keeps conversations in line.

    Args:
        addin_id: Whose conversations are touched; all others are left alone.
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
        role: Role,
        put_off: Callable[[Task, datetime], None],
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._addin_id = addin_id
        self._policy = policy
        self._events = events
        self._conversations = conversations
        self._role = role
        self._put_off = put_off
        self._clock = clock
        self._metrics = metrics
        self._gone = Sightings(policy.grace, clock)

    async def policy(self) -> Policy:
        """Return what the installation allows now. Raises ClientError if Unblu cannot be asked."""
        return replace(self._policy, may_delete=await self._role.suffices())

    async def without_conversation(self, task: Task, event: Event) -> None:
        """Decide about an event that leads to no conversation."""
        self._record(task.mailbox, decide(event, None, self._clock.now(), await self.policy()))

    async def keep(
        self,
        task: Task,
        conversation: Conversation,
        *,
        event: Event | None = None,
        suspected: bool = False,
    ) -> None:
        """Decide about one conversation until its event stays as it was read.

        Args:
            task: Why somebody looks.
            conversation: As it was just read; one that is not of this add-in and mailbox is left alone.
            event: The event that led here, if it is there.
            suspected: Whether the event is said to be gone.
        """
        source = SourceId.parse(conversation.source_id or "")
        if source is None or source.addin_id != self._addin_id or source.mailbox != task.mailbox:
            return
        conversation = await self._marked(task, conversation, event)
        known: Event | Gone | None = event
        if conversation.marker and (event is None or event.id != conversation.marker.event_id):
            await self._report_copy(task.mailbox, conversation, event)
            known = await self._events.get(task.mailbox, conversation.marker.event_id)
        await self._settle(_Look(task, known, conversation, source, suspected or task.suspected))

    async def _settle(self, look: _Look) -> None:
        for _ in range(MAX_ROUNDS):
            since = self._unbroken_since(look)
            decision = await self._decide(look, since)
            if decision.action is Action.DELETE:
                fresh = await self._read_again(look)
                if fresh is None:
                    self._gone.forget(look.conversation)
                    return
                if fresh != look:
                    look = fresh
                    continue
            self._record(look.mailbox, decision)
            conversation = await self._apply(look, decision, since)
            again = await self._changed_meanwhile(look, decision)
            if again is None:
                return
            look = replace(look, event=again, conversation=conversation)

    async def _report_copy(self, mailbox: Mailbox, conversation: Conversation, event: Event | None) -> None:
        if event is not None:
            self._record(mailbox, decide(event, conversation, self._clock.now(), await self.policy()))

    def _unbroken_since(self, look: _Look) -> datetime | None:
        """Return since when the event is known to be gone without a break.

        A notification says that something has happened to the event, perhaps its restoration: then this look
        is the first.
        """
        return self._gone.since(look.conversation) if look.task.since is None else None

    async def _decide(self, look: _Look, since: datetime | None) -> Decision:
        found, policy = await self._find(look), await self.policy()
        return decide(
            look.event,
            look.conversation,
            self._clock.now(),
            policy,
            carriers=found.carriers,
            mentions=found.mentions,
            series=found.series,
            gone_since=since,
        )

    async def _find(self, look: _Look) -> _Found:
        """Look up what this decision may need: proof for a deletion, occurrences for a series."""
        found, marker = _Found(), look.conversation.marker
        if look.is_suspicious:
            series_id = marker.series_id if marker else None
            carriers = await self._events.find_by_link(look.mailbox, look.source.uuid, series_id)
            found = _Found(carriers, await self._events.on_day(look.mailbox, look.conversation))
        if isinstance(look.event, Event) and look.event.is_series:
            series = await self._events.series(look.mailbox, look.event, self._clock.now())
            found = replace(found, series=series)
        return found

    async def _apply(self, look: _Look, decision: Decision, since: datetime | None) -> Conversation:
        """Do what was decided and return the conversation as it is then."""
        conversation = look.conversation
        if decision.action not in {Action.WAIT, Action.DELETE}:
            self._gone.forget(conversation)
        if decision.adopted is not None:
            conversation = await self._adopted(look, decision.adopted)
        match decision.action:
            case Action.UPDATE:
                conversation = await self._updated(look.task, conversation, decision)
            case Action.WAIT:
                self._wait(look, decision, since)
            case Action.DELETE:
                await self._conversations.delete(conversation.id)
                self._gone.forget(conversation)
                self._applied(look.task, "deletion")
            case Action.NOTHING | Action.KEEP | Action.REPORT | Action.IGNORE:
                pass
            case _:
                assert_never(decision.action)
        return conversation

    async def _updated(self, task: Task, conversation: Conversation, decision: Decision) -> Conversation:
        """Set the time first: if Unblu refuses a subject, people still come at the right time."""
        if decision.scheduled is not None:
            conversation = await self._conversations.set_scheduled(conversation.id, decision.scheduled)
            self._applied(task, "time")
        if decision.topic is not None:
            conversation = await self._conversations.set_topic(conversation.id, decision.topic)
            self._applied(task, "topic")
        return conversation

    def _wait(self, look: _Look, decision: Decision, since: datetime | None) -> None:
        """Remember the first sight and come back; whoever sees it again in the meantime changes nothing."""
        if since is not None or decision.not_before is None:
            return
        self._gone.remember(look.conversation, decision.not_before - self._policy.grace)
        following = replace(look.task, suspected=True, tries=0, since=None)
        event_id = _event_id(look)
        if event_id is not None:
            following = replace(following, kind=Kind.EVENT, subject=event_id)
        else:
            following = replace(following, kind=Kind.CONVERSATION, subject=look.conversation.id)
        self._put_off(following, decision.not_before)

    async def _read_again(self, look: _Look) -> _Look | None:
        """Return the look as it is now; None if the conversation is gone."""
        event = await self._event_of(look)
        try:
            conversation = await self._conversations.read(look.conversation.id)
        except NotFound:
            return None
        fresh = replace(look, event=event, conversation=conversation)
        if conversation.marker != look.conversation.marker:
            fresh = replace(fresh, event=await self._event_of(fresh))
        return fresh

    async def _event_of(self, look: _Look) -> Event | Gone | None:
        event_id = _event_id(look)
        return None if event_id is None else await self._events.get(look.mailbox, event_id)

    async def _changed_meanwhile(self, look: _Look, decision: Decision) -> Event | Gone | None:
        """Return the event as it is now if what was written may already be out of date."""
        if decision.action is not Action.UPDATE or not isinstance(look.event, Event):
            return None
        event_id = decision.adopted or look.event.id
        now = await self._events.get(look.mailbox, event_id)
        unchanged = isinstance(now, Event) and now.etag == look.event.etag and event_id == look.event.id
        return None if unchanged else now

    async def _marked(self, task: Task, conversation: Conversation, event: Event | None) -> Conversation:
        """Note in the conversation which event it belongs to, at first sight; only an ADMIN can."""
        if event is None or conversation.marker is not None or conversation.is_over:
            return conversation
        if not await self._role.suffices() or not await self._may_be_recorded(task.mailbox, event):
            return conversation
        return await self._mark(task, conversation, Marker.of(event, self._clock.now()))

    async def _may_be_recorded(self, mailbox: Mailbox, event: Event) -> bool:
        if event.series_master_id is None:
            return speaks_for_itself(event, None)
        master = await self._events.get(mailbox, event.series_master_id)
        return speaks_for_itself(event, master if isinstance(master, Event) else None)

    async def _adopted(self, look: _Look, event_id: str) -> Conversation:
        """Record the event that has taken the place of the one that is gone."""
        conversation = look.conversation
        heir = await self._events.get(look.mailbox, event_id)
        if not isinstance(heir, Event) or not await self._role.suffices():
            return conversation
        first_seen = conversation.marker.first_seen if conversation.marker else self._clock.now()
        return await self._mark(look.task, conversation, Marker.of(heir, first_seen))

    async def _mark(self, task: Task, conversation: Conversation, marker: Marker) -> Conversation:
        conversation = await self._conversations.update_metadata(conversation, marker)
        self._applied(task, "marker")
        return conversation

    def _applied(self, task: Task, change: str) -> None:
        """Count a change, and apart what only a sweep has found: it shows how often one was needed."""
        self._metrics.applied.labels(change).inc()
        if task.finding is not None:
            self._metrics.repairs.labels(_repair(task.finding, change).value).inc()
        log.info("applied: %s", change, extra={"mailbox": task.mailbox.log_id})

    def _record(self, mailbox: Mailbox, decision: Decision) -> None:
        self._metrics.decisions.labels(decision.action.value, decision.reason.value).inc()
        quiet = decision.action in {Action.NOTHING, Action.IGNORE}
        log.log(
            logging.DEBUG if quiet else logging.INFO,
            "%s: %s",
            decision.action.value,
            decision.message,
            extra={"mailbox": mailbox.log_id, "reason": decision.reason.value},
        )


def _repair(finding: Finding, change: str) -> Finding:
    """Name a repair after what was done: what a sweep has found may have changed again by then."""
    match change:
        case "marker":
            return Finding.CREATION
        case "deletion":
            return Finding.DRAFT if finding is Finding.DRAFT else Finding.DELETION
        case _:
            return Finding.SERIES if finding is Finding.SERIES else Finding.CHANGE


def _event_id(look: _Look) -> str | None:
    if look.conversation.marker is not None:
        return look.conversation.marker.event_id
    return look.event.id if isinstance(look.event, Event) else None

"""Looks at one place: finds which conversations are concerned, and has each of them decided about."""

import logging
from collections.abc import Callable, Container, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, assert_never

from outlook_addin_core.clients.errors import NotFound
from outlook_addin_core.domain.clock import Clock
from outlook_addin_core.domain.conversations import Conversation
from outlook_addin_core.domain.events import Event, Gone
from outlook_addin_core.domain.links import SourceId
from outlook_addin_core.domain.mailbox import Mailbox
from outlook_addin_core.domain.series import by_themselves
from outlook_addin_web.keeper import Keeper
from outlook_addin_web.metrics import Metrics
from outlook_addin_web.ports import Conversations, Events, Subscriptions
from outlook_addin_web.recorded import Recorded
from outlook_addin_web.survey import Survey, survey
from outlook_addin_web.tasks import Kind, Task

log = logging.getLogger(__name__)

AFTER_RENEWAL: Final = timedelta(minutes=5)
"""How long the operator is given for a renewal before the mailbox is looked through."""


class Synchroniser:
    """Carries out tasks. One object serves all mailboxes; two tasks of one mailbox never run together.

    Args:
        addin_id: Whose links and conversations are touched; all others are left alone.
        keeper: Decides about one conversation and does what was decided.
        recorded: Knows which events without a link are a conversation's.
        put_off: Is given what to look at again, and when.
        surveyed: Is told what a look at a whole mailbox has shown, and whether deleting is allowed.
    """

    def __init__(  # noqa: PLR0913 - the ports, each by its name
        self,
        *,
        addin_id: str,
        keeper: Keeper,
        events: Events,
        conversations: Conversations,
        recorded: Recorded,
        subscriptions: Subscriptions,
        put_off: Callable[[Task, datetime], None],
        surveyed: Callable[[Mailbox, Survey, bool], None],
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._addin_id = addin_id
        self._keeper = keeper
        self._events = events
        self._conversations = conversations
        self._recorded = recorded
        self._subscriptions = subscriptions
        self._put_off = put_off
        self._surveyed = surveyed
        self._clock = clock
        self._metrics = metrics

    async def carry_out(self, task: Task) -> None:
        """Do one task.

        Raises:
            ClientError: Graph or Unblu could not be read or written; the task has to be tried again.
            StoreUnavailable: The same for Kubernetes.
        """
        match task.kind:
            case Kind.EVENT:
                await self._event(task)
            case Kind.CONVERSATION:
                await self._draft(task)
            case Kind.MAILBOX:
                await self._mailbox(task)
            case Kind.RENEWAL:
                await self._renewal(task)
            case _:
                assert_never(task.kind)

    async def _event(self, task: Task) -> None:
        event = await self._events.get(task.mailbox, task.subject)
        if isinstance(event, Gone):
            await self._vanished(task)
            return
        if event.is_series:
            await self._occurrences(task, event)
        if event.link is None:
            await self._unlinked(task, event)
            return
        source = SourceId(self._addin_id, task.mailbox, event.link)
        conversation = await self._conversations.find_by_source_id(str(source))
        if conversation is None:
            await self._keeper.without_conversation(task, event)
            return
        await self._keeper.keep(task, conversation, event=event)

    async def _occurrences(self, task: Task, master: Event) -> None:
        """Look at the occurrences that were scheduled by themselves: Graph tells of them at the series."""
        series = await self._events.series(task.mailbox, master, self._clock.now())
        occurrences = by_themselves(master, series.occurrences) if series else []
        self._look_at(task, [each.id for each in occurrences], but={task.subject})
        if task.suspected or task.finding is None:
            everything = await self._open_conversations(task.mailbox)
            markers = [each.marker for each in everything if each.marker]
            recorded = [marker.event_id for marker in markers if marker.series_id == master.id]
            self._look_at(task, recorded, but={each.id for each in occurrences})

    async def _vanished(self, task: Task) -> None:
        """Find whose event it was; an id that no conversation records has all of the mailbox's looked at.

        Nothing is known to have happened to those, so that their grace periods go on.
        """
        everything = await self._open_conversations(task.mailbox)
        mine = _recording(task.subject, everything)
        for conversation in mine:
            await self._keeper.keep(task, conversation, suspected=True)
        if not mine:
            known = [each.marker.event_id for each in everything if each.marker]
            self._look_at(replace(task, suspected=False, since=None), known)

    async def _unlinked(self, task: Task, event: Event) -> None:
        """Most events carry no link; one that has lost it, or is said to be gone, may be a conversation's."""
        if task.suspected:
            await self._vanished(task)
            return
        mine: list[Conversation] = []
        if self._recorded.has(task.mailbox, event.id):
            mine = _recording(event.id, await self._open_conversations(task.mailbox))
        for conversation in mine:
            await self._keeper.keep(task, conversation, event=event)
        if not mine:
            await self._keeper.without_conversation(task, event)

    def _look_at(self, task: Task, event_ids: Iterable[str], *, but: Container[str] = ()) -> None:
        """Note each event as a task of its own, so that none stands in another's way."""
        for event_id in dict.fromkeys(each for each in event_ids if each not in but):
            following = replace(task, kind=Kind.EVENT, subject=event_id, tries=0)
            self._put_off(following, self._clock.now())

    async def _draft(self, task: Task) -> None:
        """Decide about a conversation whose event was never seen; if it is there after all, it is found."""
        try:
            conversation = await self._conversations.read(task.subject)
        except NotFound:
            return
        if conversation.marker is not None or conversation.link is None:
            return
        await self._keeper.keep(task, conversation, suspected=True)

    async def _mailbox(self, task: Task) -> None:
        """Compare all linked events with all open conversations and note where to look."""
        linked = [event async for event in self._events.linked(task.mailbox)]
        conversations = await self._open_conversations(task.mailbox)
        policy = await self._keeper.policy()
        found = survey(task.mailbox, linked, conversations, self._clock.now(), policy)
        for following in found.tasks:
            self._put_off(self._followed(task, following), self._clock.now())
        self._surveyed(task.mailbox, found, policy.may_delete)

    def _followed(self, task: Task, following: Task) -> Task:
        """Tie what a look at a mailbox has found to what led to the look.

        What a storm of notifications announced is no finding: those tell how much was lost. Its events are
        not known, so it makes no sight of a deletion the first one again.
        """
        if task.since is not None:
            since = None if following.suspected else task.since
            following = replace(following, finding=None, since=since)
        elif following.finding is not None:
            self._metrics.findings.labels(following.finding.value).inc()
        return replace(following, correlation=task.correlation, trace=task.trace)

    async def _renewal(self, task: Task) -> None:
        """Hand Graph's wish to the operator; what changes until it is granted may never be notified."""
        if await self._subscriptions.request_renewal(task.mailbox, task.subject):
            following = Task(task.mailbox, Kind.MAILBOX, correlation=task.correlation)
            self._put_off(following, self._clock.now() + AFTER_RENEWAL)
        else:
            extra = {"mailbox": task.mailbox.log_id}
            log.info("a renewal was asked for a mailbox without subscription", extra=extra)

    async def _open_conversations(self, mailbox: Mailbox) -> list[Conversation]:
        prefix = SourceId.prefix(self._addin_id, mailbox)
        return [each async for each in self._conversations.search_mailbox(prefix)]


def _recording(event_id: str, conversations: Iterable[Conversation]) -> list[Conversation]:
    return [each for each in conversations if each.marker and each.marker.event_id == event_id]

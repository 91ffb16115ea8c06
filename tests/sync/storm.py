"""Storms: what people, Graph, Unblu and Kubernetes may do in any order, as data, and who carries it out."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final
from uuid import UUID

from hypothesis import strategies as st

from outlook_addin_sandbox.graph import Recurrence, SimEvent
from outlook_addin_sandbox.serving import Fault
from outlook_addin_sandbox.world import Agent
from sync import model
from sync.stage import GRACE, HOUR, Stage

OTHER_ADDIN: Final = "5a5a5a5a-1111-4111-8111-5a5a5a5a5a5a"
PAUSES: Final = (1, 5, 30, 100, 301, 700)
SERIES_ZONE: Final = "Europe/Zurich"
GRAPH_FAULTS: Final = (
    Fault(status=429, code="ApplicationThrottled", message="MailboxConcurrency", retry_after=3),
    Fault(status=429, code="TooManyRequests", message="throttled"),
    Fault(status=503, code="ServiceUnavailable", message="Mailbox info is stale."),
    Fault(status=500, code="InternalServerError", message="broken"),
    Fault(status=504, code="GatewayTimeout", message="late", retry_after=7),
    Fault(status=403, code="ErrorAccessDenied", message="Access to OData is disabled."),
    Fault(status=401, code="InvalidAuthenticationToken", message="expired"),
    Fault(status=404, code="MailboxNotEnabledForRESTAPI", message="inactive"),
    Fault(status=0, delay=8.0),
    Fault(status=0, delay=100.0),
    Fault(status=0, lose_answer=True),
)
UNBLU_FAULTS: Final = tuple(
    each for each in GRAPH_FAULTS if each.code not in {"MailboxNotEnabledForRESTAPI", "ErrorAccessDenied"}
)


class Kind(Enum):
    """What happens; the names are what a failure prints."""

    NOTHING = "nothing happens"
    SCHEDULE = "an agent schedules a conversation from an event"
    SERIES = "an agent schedules a conversation from a weekly series"
    DRAFT = "an agent schedules one and never saves the event"
    PLAIN = "an agent makes an event without conversation"
    RENAME = "an event is renamed"
    BLANK = "an event loses its subject"
    MOVE = "an event is dragged to another time"
    PRIVATE = "an event becomes private, or public again"
    CALENDAR = "an event moves to another calendar of the mailbox"
    CANCEL = "a meeting is cancelled"
    DELETE = "an event is deleted"
    RESTORE = "a deleted event is restored"
    PURGE = "an event is deleted for good"
    COPY = "an event is copied with its link"
    UNLINK = "an event loses its custom properties"
    FOREIGN = "an event is given the link of somebody else's conversation"
    SKIP = "one occurrence of a series is cancelled"
    SHIFT = "one occurrence of a series is moved"
    SHORTEN = "a series is shortened"
    JOIN = "a visitor joins a conversation"
    END = "a conversation is ended in Unblu"
    WAIT = "time passes"
    LOSE = "the next notifications are lost"
    DROP = "Graph drops all notifications, or stops dropping them"
    DUPLICATE = "notifications come several times, or once again"
    REORDER = "notifications come in another order, and late"
    FORGE = "forged items are among the notifications, or no longer"
    GRAPH = "Graph fails"
    UNBLU = "Unblu fails"
    OUTAGE = "Unblu is down, or up again"
    MISSED = "Graph says that it missed notifications"
    REMOVED = "Graph removes a subscription"
    KILL = "a replica is killed at a request"
    STOP = "a replica is told to stop"
    START = "another replica is started"


@dataclass(frozen=True)
class Step:
    """One thing that happens to one of those there are; numbers start again after the last one."""

    kind: Kind
    which: int = 0
    amount: int = 0


PEOPLE: Final = (Kind.SCHEDULE, Kind.RENAME, Kind.MOVE, Kind.DELETE, Kind.RESTORE, Kind.WAIT)
"""What happens most."""


def steps(longest: int) -> st.SearchStrategy[list[Step]]:
    """Return storms of up to so many steps; they shrink by nothing happening."""
    kinds = st.one_of(st.just(Kind.NOTHING), st.sampled_from(PEOPLE), st.sampled_from(list(Kind)))
    numbers = st.integers(0, 11)
    many = st.lists(st.builds(Step, kinds, numbers, numbers), min_size=longest, max_size=longest)
    return many.map(lambda found: [each for each in found if each.kind is not Kind.NOTHING])


class Storm:
    """Carries out the steps of a storm and keeps the model up to date."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.scheduled: list[model.Scheduled] = []
        self.problems: list[str] = []
        self._events: list[tuple[Agent, str]] = []
        self._count = 0
        stage.on_write = self._judge

    async def prepare(self, events: int) -> None:
        """Fill the calendars, and put conversations of others beside ours that must not be touched."""
        anna = self.stage.agents[0]
        for number in range(events):
            await self.do(Step(Kind.SCHEDULE, number, number % 12))
        foreign = await self.stage.pane_creates(
            anna, self._uuid(), "Of another installation", self._soon(3), addin_id=OTHER_ADDIN
        )
        if self._events:
            foreign.metadata[model.EVENT_ID] = self._events[0][1]
            foreign.metadata["outlook-addin.first-seen"] = "2027-03-22T09:00:00Z"
        other = await self.stage.pane_creates(anna, self._uuid(), "Of another integration", self._soon(4))
        other.source_id = "bookings:4711"
        self._untouchable = {each.id: each.as_json({}, metadata=True) for each in (foreign, other)}

    async def do(self, step: Step) -> None:
        """Let one thing happen; what it needs and is not there, makes it nothing."""
        deed = self._deeds().get(step.kind)
        if deed is not None:
            await deed(step)
            self.observe()

    def observe(self) -> None:
        """Compare the calendars with what is known; after every change."""
        now = self.stage.clock.now()
        for each in self.scheduled:
            calendar = self.stage.calendar(each.agent)
            conversation = self.stage.conversations.get(each.conversation_id)
            addin_id = self.stage.config.addin_id
            each.observe(model.wanting(calendar, addin_id, each.uuid, conversation), calendar, now)

    def verdict(self) -> list[str]:
        """Return everything that is wrong, now that the storm is over."""
        found = list(self.problems)
        now = self.stage.clock.now()
        for each in self.scheduled:
            conversation = self.stage.conversations.get(each.conversation_id)
            calendar = self.stage.calendar(each.agent)
            found += model.problems(each, conversation, calendar, self.stage.config.addin_id, now)
        for identity, before in self._untouchable.items():
            conversation = self.stage.conversations.get(identity)
            if conversation is None or conversation.as_json({}, metadata=True) != before:
                found.append(f"{before['topic']}: it was touched")
        found += [
            f"{operation}: Outlook was written to" for operation in self.stage.writes if "graph" in operation
        ]
        return found

    def _judge(self, verb: str, conversation_id: str) -> None:
        """Judge a write when it leaves: nothing of others, and no deletion without proof."""
        one = next((each for each in self.scheduled if each.conversation_id == conversation_id), None)
        if one is None:
            self.problems.append(f"{verb} of a conversation that is none of ours")
            return
        conversation = self.stage.conversations.get(conversation_id)
        if verb != "delete" or conversation is None:
            return
        if conversation.state != "CREATED" or len(conversation.ever_present) > 1:
            self.problems.append("a conversation that is in use was deleted")
        self.observe()
        if not one.was_gone_for(GRACE, self.stage.clock.now()):
            self.problems.append(f"a conversation was deleted without proof; gone: {one.gone}")
        elif model.EVENT_ID not in conversation.metadata:
            self.problems.append("a conversation whose event was never seen was deleted")

    def _deeds(self) -> dict[Kind, Callable[[Step], Awaitable[None]]]:
        return {
            Kind.SCHEDULE: self._schedule,
            Kind.SERIES: self._series,
            Kind.DRAFT: self._draft,
            Kind.PLAIN: self._plain,
            Kind.RENAME: lambda step: self._update(step, subject=f"Subject {step.amount}"),
            Kind.BLANK: lambda step: self._update(step, subject=" "),
            Kind.MOVE: self._move,
            Kind.PRIVATE: self._private,
            Kind.CALENDAR: self._calendar,
            Kind.CANCEL: self._cancel,
            Kind.DELETE: self._delete,
            Kind.RESTORE: self._restore,
            Kind.PURGE: self._purge,
            Kind.COPY: self._copy,
            Kind.UNLINK: lambda step: self._update(step, custom_properties={}),
            Kind.FOREIGN: self._foreign,
            Kind.SKIP: self._skip,
            Kind.SHIFT: self._shift,
            Kind.SHORTEN: self._shorten,
            Kind.JOIN: self._join,
            Kind.END: self._end,
            Kind.WAIT: lambda step: self.stage.wait(PAUSES[step.amount % len(PAUSES)]),
            Kind.LOSE: lambda step: self._graph(lose=step.amount),
            Kind.DROP: lambda step: self._graph(endpoint_state="drop" if step.amount % 2 else "ok"),
            Kind.DUPLICATE: lambda step: self._graph(duplicates=step.amount % 3, created_updated_pairs=True),
            Kind.REORDER: lambda step: self._graph(reorder=bool(step.amount % 2), delay=float(step.amount)),
            Kind.FORGE: lambda step: self._graph(forge=bool(step.amount % 2)),
            Kind.GRAPH: self._graph_fails,
            Kind.UNBLU: self._unblu_fails,
            Kind.OUTAGE: self._outage,
            Kind.MISSED: lambda step: self._lifecycle(step, "missed"),
            Kind.REMOVED: lambda step: self._lifecycle(step, "subscriptionRemoved"),
            Kind.KILL: self._kill,
            Kind.STOP: self._stop,
            Kind.START: self._start,
        }

    async def _schedule(self, step: Step) -> None:
        agent, start = self._agent(step), self._soon(step.amount * 5 + 2)
        await self._save(agent, start, late=step.amount % 3 == 0)

    async def _series(self, step: Step) -> None:
        pattern = Recurrence("weekly" if step.amount % 2 else "daily", count=2 + step.amount % 4)
        start = self._soon(step.amount + 2)
        await self._save(self._agent(step), start, recurrence=pattern, time_zone=SERIES_ZONE)

    async def _draft(self, step: Step) -> None:
        await self._made(self._agent(step), self._soon(step.amount + 2))

    async def _plain(self, step: Step) -> None:
        agent, start = self._agent(step), self._soon(step.amount + 2)
        event = self.stage.calendar(agent).create_event("Lunch", start, start + HOUR)
        self._events.append((agent, event.immutable_id))

    async def _made(self, agent: Agent, start: datetime) -> model.Scheduled:
        uuid, topic = self._uuid(), f"Topic {self._count}"
        conversation = await self.stage.pane_creates(agent, uuid, topic, start)
        one = model.Scheduled(agent, uuid, conversation.id, {topic}, {model.minutes(start)})
        self.scheduled.append(one)
        return one

    async def _save(self, agent: Agent, start: datetime, *, late: bool = False, **fields: Any) -> None:
        """Save the event as the pane leaves it; classic Outlook writes the properties in a second step."""
        one = await self._made(agent, start)
        calendar, link = self.stage.calendar(agent), self.stage.link(one.uuid)
        topic = next(iter(one.topics))
        first: dict[str, Any] = {} if late else {"custom_properties": link}
        event = calendar.create_event(topic, start, start + HOUR, **first, **fields)
        if late:
            calendar.update_event(event.immutable_id, custom_properties=link)
        self._events.append((agent, event.immutable_id))

    async def _update(self, step: Step, **changes: Any) -> None:
        agent, event = self._event(step)
        if event is not None and not event.is_deleted:
            self.stage.calendar(agent).update_event(event.immutable_id, **changes)

    async def _move(self, step: Step) -> None:
        start = self._soon(step.amount * 7 - 3) + timedelta(seconds=step.amount * 11)
        await self._update(step, start=start, end=start + HOUR)

    async def _private(self, step: Step) -> None:
        await self._update(step, sensitivity="private" if step.amount % 2 else "normal")

    async def _calendar(self, step: Step) -> None:
        agent, event = self._event(step)
        calendar = self.stage.calendar(agent)
        if event is None or event.is_deleted:
            return
        if len(calendar.calendars) == 1:
            calendar.add_calendar("Second")
        names = list(calendar.calendars)
        calendar.move(event.immutable_id, names[step.amount % len(names)])

    async def _cancel(self, step: Step) -> None:
        agent, event = self._event(step)
        if event is None or event.is_deleted or event.is_cancelled:
            return
        if step.amount % 2:
            self.stage.calendar(agent).cancel(event.immutable_id)
        else:
            self.stage.calendar(agent).update_event(event.immutable_id, is_cancelled=True)

    async def _delete(self, step: Step) -> None:
        agent, event = self._event(step)
        if event is not None and not event.is_deleted:
            self.stage.calendar(agent).delete_event(event.immutable_id)

    async def _restore(self, step: Step) -> None:
        deleted = [
            (agent, event)
            for agent in self.stage.agents
            for event in self.stage.calendar(agent).deleted_events()
        ]
        if deleted:
            agent, event = deleted[step.which % len(deleted)]
            self.stage.calendar(agent).restore_event(event.immutable_id)

    async def _purge(self, step: Step) -> None:
        agent, event = self._event(step)
        if event is not None:
            self.stage.calendar(agent).purge_event(event.immutable_id)

    async def _copy(self, step: Step) -> None:
        agent, event = self._event(step)
        if event is not None and not event.is_deleted:
            copied = self.stage.calendar(agent).copy(event.immutable_id)
            self._events.append((agent, copied.immutable_id))

    async def _foreign(self, step: Step) -> None:
        """Write the link of a conversation of somebody else, of nobody, or nonsense."""
        agent, _ = self._event(step)
        others = [each for each in self.scheduled if each.agent != agent]
        texts = [json.dumps({"v": 1, "uuid": str(each.uuid)}) for each in others]
        texts += ['{"v":1,"uuid":"not one"}', "[" * 40, '{"v":2}']
        text = texts[step.amount % len(texts)]
        await self._update(step, custom_properties={self.stage.config.addin_id: text})

    async def _skip(self, step: Step) -> None:
        if (found := self._occurrence(step)) is not None:
            self.stage.calendar(found[0]).delete_event(found[1].immutable_id)

    async def _shift(self, step: Step) -> None:
        if (found := self._occurrence(step)) is not None:
            agent, occurrence = found
            start = occurrence.start + timedelta(minutes=17 * (step.amount + 1))
            self.stage.calendar(agent).update_event(occurrence.immutable_id, start=start, end=start + HOUR)

    async def _shorten(self, step: Step) -> None:
        masters = self._masters()
        if masters:
            agent, master = masters[step.which % len(masters)]
            if master.recurrence is not None:
                shorter = replace(master.recurrence, count=1 + step.amount % 3)
                self.stage.calendar(agent).update_event(master.immutable_id, recurrence=shorter)

    async def _join(self, step: Step) -> None:
        if (one := self._living(step)) is not None:
            self.stage.world.unblu.join(one.conversation_id)
            one.was_used = True

    async def _end(self, step: Step) -> None:
        if (one := self._living(step)) is not None:
            self.stage.world.unblu.end_conversation(one.conversation_id)
            one.was_used = True

    async def _graph(self, **switches: Any) -> None:
        self.stage.world.graph.faults.apply(switches)

    async def _graph_fails(self, step: Step) -> None:
        fault = GRAPH_FAULTS[step.amount % len(GRAPH_FAULTS)]
        self.stage.world.graph.faults.rules.append(replace(fault, times=step.which + 1))

    async def _unblu_fails(self, step: Step) -> None:
        fault = UNBLU_FAULTS[step.amount % len(UNBLU_FAULTS)]
        self.stage.world.unblu.faults.rules.append(replace(fault, times=step.which + 1))

    async def _outage(self, step: Step) -> None:
        self.stage.world.unblu.faults.outage = bool(step.amount % 2)

    async def _lifecycle(self, step: Step, event: str) -> None:
        mine = [
            each
            for each in self.stage.world.graph.subscriptions.values()
            if each.user_id == self._agent(step).user_id
        ]
        for subscription in mine:
            self.stage.world.graph.send_lifecycle(subscription.id, event)

    async def _kill(self, step: Step) -> None:
        serving = [each for each in self.stage.replicas if each.serves]
        if serving:
            serving[step.which % len(serving)].kill_after = step.amount

    async def _stop(self, step: Step) -> None:
        serving = [each for each in self.stage.replicas if each.serves]
        if serving:
            await serving[step.which % len(serving)].stop()

    async def _start(self, _: Step) -> None:
        if sum(each.serves for each in self.stage.replicas) < 2:
            await self.stage.add_replica()

    def _agent(self, step: Step) -> Agent:
        return self.stage.agents[step.which % len(self.stage.agents)]

    def _event(self, step: Step) -> tuple[Agent, SimEvent | None]:
        if not self._events:
            return self.stage.agents[0], None
        agent, identity = self._events[step.which % len(self._events)]
        return agent, model.find(self.stage.calendar(agent), identity)

    def _masters(self) -> list[tuple[Agent, SimEvent]]:
        everything = [
            (agent, event) for agent in self.stage.agents for event in self.stage.calendar(agent).events()
        ]
        return [(agent, event) for agent, event in everything if event.recurrence is not None]

    def _occurrence(self, step: Step) -> tuple[Agent, SimEvent] | None:
        masters = self._masters()
        if not masters:
            return None
        agent, master = masters[step.which % len(masters)]
        found = model.occurrences(master, self.stage.calendar(agent), self.stage.clock.now())
        plain = [each for each in found if not each.is_exception]
        return (agent, plain[step.amount % len(plain)]) if plain else None

    def _living(self, step: Step) -> model.Scheduled | None:
        living = [each for each in self.scheduled if each.conversation_id in self.stage.conversations]
        return living[step.which % len(living)] if living else None

    def _soon(self, hours: int) -> datetime:
        return self.stage.clock.now().replace(minute=0, second=0) + timedelta(hours=hours, minutes=30)

    def _uuid(self) -> UUID:
        self._count += 1
        return UUID(int=self._count, version=4)

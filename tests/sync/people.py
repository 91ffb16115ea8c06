"""What agents do in Outlook, carried out in the simulated calendars."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from outlook_addin_sandbox.graph import Recurrence, SimEvent
from outlook_addin_sandbox.world import Agent
from sync import model
from sync.stage import HOUR, Stage
from sync.steps import ZONES, Kind, Step

Deeds = Mapping[Kind, Callable[[Step], Awaitable[None]]]


class People:
    """The agents, all that they have scheduled, and all events that were ever in their calendars.

    What a step needs and is not there makes it nothing.
    """

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.scheduled: list[model.Scheduled] = []
        self.events: list[tuple[Agent, str]] = []
        self._count = 0
        self.deeds: Deeds = {
            Kind.SCHEDULE: self._schedule,
            Kind.SERIES: self._series,
            Kind.OCCURRENCE: self._occurrence,
            Kind.DRAFT: self._draft,
            Kind.PLAIN: self._plain,
            Kind.RENAME: lambda step: self._update(step, subject=f"Subject {step.amount}"),
            Kind.BLANK: lambda step: self._update(step, subject=" "),
            Kind.MOVE: self._move,
            Kind.ALL_DAY: self._all_day,
            Kind.PRIVATE: self._private,
            Kind.CALENDAR: self._calendar,
            Kind.CANCEL: self._cancel,
            Kind.DELETE: self._delete,
            Kind.RESTORE: self._restore,
            Kind.PURGE: self._purge,
            Kind.REIMPORT: self._reimport,
            Kind.COPY: self._copy,
            Kind.UNLINK: lambda step: self._update(step, custom_properties={}),
            Kind.CLEAR: lambda step: self._update(step, body_html="", location=""),
            Kind.PASTE: self._paste,
            Kind.INVITE: self._invite,
            Kind.FOREIGN: self._foreign,
            Kind.SKIP: self._skip,
            Kind.SHIFT: self._shift,
            Kind.SHORTEN: self._shorten,
            Kind.JOIN: self._join,
            Kind.END: self._end,
        }

    def uuid(self) -> UUID:
        """Return a link that nobody has yet."""
        self._count += 1
        return UUID(int=self._count, version=4)

    def soon(self, hours: int) -> datetime:
        """Return half past an hour to come."""
        return self.stage.clock.now().replace(minute=0, second=0) + timedelta(hours=hours, minutes=30)

    async def _schedule(self, step: Step) -> None:
        zone = ZONES[(step.which + step.amount) % len(ZONES)]
        await self._save(step, self.soon(step.amount * 5 + 2), late=step.amount % 3 == 0, time_zone=zone)

    async def _series(self, step: Step) -> None:
        await self._save(step, self.soon(step.amount + 2), **self._pattern(step))

    async def _draft(self, step: Step) -> None:
        await self._made(self._agent(step), self.soon(step.amount + 2))

    async def _plain(self, step: Step) -> None:
        agent, start = self._agent(step), self.soon(step.amount + 2)
        fields = self._pattern(step) if step.amount % 3 == 0 else {}
        event = self.stage.calendar(agent).create_event("Lunch", start, start + HOUR, **fields)
        self.events.append((agent, event.immutable_id))

    async def _occurrence(self, step: Step) -> None:
        if (found := self._plain_occurrence(step)) is None:
            return
        agent, occurrence = found
        one = await self._made(agent, occurrence.start)
        event = self.stage.calendar(agent).update_event(
            occurrence.immutable_id, custom_properties=self.stage.link(one.uuid), body_html=self._text(one)
        )
        self.events.append((agent, event.immutable_id))

    async def _made(self, agent: Agent, start: datetime) -> model.Scheduled:
        uuid, topic = self.uuid(), f"Topic {self._count}"
        conversation = await self.stage.pane_creates(agent, uuid, topic, start)
        link = self.stage.world.unblu.public_link(conversation.id)
        one = model.Scheduled(agent, uuid, conversation.id, link, {topic}, {model.minutes(start)})
        self.scheduled.append(one)
        return one

    async def _save(self, step: Step, start: datetime, *, late: bool = False, **fields: Any) -> None:
        """Save the event as the pane leaves it; classic Outlook writes the properties in a second step."""
        agent = self._agent(step)
        one = await self._made(agent, start)
        calendar, link = self.stage.calendar(agent), self.stage.link(one.uuid)
        first: dict[str, Any] = {} if late else {"custom_properties": link}
        topic = next(iter(one.topics))
        event = calendar.create_event(
            topic, start, start + HOUR, body_html=self._text(one), **first, **fields
        )
        if late:
            calendar.update_event(event.immutable_id, custom_properties=link)
        self.events.append((agent, event.immutable_id))

    @staticmethod
    def _text(one: model.Scheduled) -> str:
        """Write the invitation as the pane does."""
        return f'<div id="x_{model.BLOCK}{one.uuid}"><a href="{one.public_link}">Join</a></div><br>'

    @staticmethod
    def _pattern(step: Step) -> dict[str, Any]:
        pattern = Recurrence("weekly" if step.amount % 2 else "daily", count=2 + step.amount % 4)
        return {"recurrence": pattern, "time_zone": ZONES[step.which % len(ZONES)]}

    async def _update(self, step: Step, **changes: Any) -> None:
        agent, event = self._event(step)
        if event is not None and not event.is_deleted:
            self.stage.calendar(agent).update_event(event.immutable_id, **changes)

    async def _move(self, step: Step) -> None:
        start = self.soon(step.amount * 7 - 3) + timedelta(seconds=step.amount * 11)
        await self._update(step, start=start, end=start + HOUR, is_all_day=False)

    async def _all_day(self, step: Step) -> None:
        """From midnight to midnight in the zone of the event; a day can have 23 hours, or 23 and a half."""
        _, event = self._event(step)
        if event is not None:
            day = event.start.astimezone(event.zone).date() + timedelta(days=step.amount % 3)
            start = datetime.combine(day, time(), event.zone)
            end = datetime.combine(day + timedelta(days=1), time(), event.zone)
            await self._update(step, start=start, end=end, is_all_day=True)

    async def _private(self, step: Step) -> None:
        await self._update(step, sensitivity="private" if step.amount % 2 else "normal")

    async def _calendar(self, step: Step) -> None:
        agent, event = self._event(step)
        if event is not None and not event.is_deleted and event.series_master_id is None:
            self._move_to_calendar(agent, event, step.amount)

    def _move_to_calendar(self, agent: Agent, event: SimEvent, number: int) -> None:
        calendar = self.stage.calendar(agent)
        if len(calendar.calendars) == 1:
            calendar.add_calendar("Second")
        names = list(calendar.calendars)
        calendar.move(event.immutable_id, names[number % len(names)])

    async def _cancel(self, step: Step) -> None:
        """Outlook moves a cancelled event to the deleted items; other clients leave it where it is."""
        agent, event = self._event(step)
        if event is None or event.is_deleted or event.is_cancelled:
            return
        calendar = self.stage.calendar(agent)
        if step.amount % 2:
            calendar.cancel(event.immutable_id)
            return
        for each in (event, *calendar.exceptions(event)):
            calendar.update_event(each.immutable_id, is_cancelled=True)

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
            if step.amount % 4 == 3:
                self._move_to_calendar(agent, event, 1)

    async def _purge(self, step: Step) -> None:
        agent, event = self._event(step)
        if event is not None and event.series_master_id is None:
            self.stage.calendar(agent).purge_event(event.immutable_id)

    async def _reimport(self, step: Step) -> None:
        agent, event = self._event(step)
        if event is None or event.is_deleted or event.series_master_id is not None:
            return
        anew = self.stage.calendar(agent).copy(event.immutable_id)
        self.stage.calendar(agent).purge_event(event.immutable_id)
        self.events.append((agent, anew.immutable_id))

    async def _copy(self, step: Step) -> None:
        """A copy of an occurrence is an event of its own."""
        agent, event = self._event(step)
        if event is None or event.is_deleted:
            return
        calendar = self.stage.calendar(agent)
        copied = calendar.copy(event.immutable_id)
        if event.series_master_id is not None:
            alone = {"series_master_id": None, "original_start": None, "is_exception": False}
            calendar.update_event(copied.immutable_id, **alone)
        self.events.append((agent, copied.immutable_id))

    async def _paste(self, step: Step) -> None:
        one = self._living(step)
        mine = [each for agent, each in self.events if one is not None and agent == one.agent]
        if one is None or not mine:
            return
        calendar = self.stage.calendar(one.agent)
        event = model.find(calendar, mine[step.amount % len(mine)])
        if event is not None and not event.is_deleted:
            where = "location" if step.amount % 2 else "body_html"
            text = f"{getattr(event, where)} See {one.public_link}."
            calendar.update_event(event.immutable_id, **{where: text})

    async def _invite(self, step: Step) -> None:
        """What arrives at an attendee has the text and not the properties."""
        organiser, event = self._event(step)
        if event is None or event.is_deleted or event.series_master_id is not None:
            return
        agent = self.stage.agents[step.amount % len(self.stage.agents)]
        copied = self.stage.calendar(agent).create_event(
            event.subject,
            event.start,
            event.end,
            body_html=event.body_html,
            location=event.location,
            is_organizer=False,
            organizer="guest@elsewhere.example" if agent == organiser else organiser.address,
            recurrence=event.recurrence,
            time_zone=event.time_zone,
        )
        self.events.append((agent, copied.immutable_id))

    async def _foreign(self, step: Step) -> None:
        """Write the link of another conversation, mostly of somebody else's, or of none."""
        agent, _ = self._event(step)
        others = [each for each in self.scheduled if each.agent != agent or step.amount % 4 == 1]
        texts = [json.dumps({"v": 1, "uuid": str(each.uuid)}) for each in others]
        texts += ['{"v":1,"uuid":"not one"}', "[" * 40, '{"v":2}']
        text = texts[step.amount % len(texts)]
        await self._update(step, custom_properties={self.stage.config.addin_id: text})

    async def _skip(self, step: Step) -> None:
        if (found := self._plain_occurrence(step)) is not None:
            self.stage.calendar(found[0]).delete_event(found[1].immutable_id)

    async def _shift(self, step: Step) -> None:
        if (found := self._plain_occurrence(step)) is not None:
            agent, occurrence = found
            start = occurrence.start + timedelta(minutes=17 * (step.amount + 1))
            self.stage.calendar(agent).update_event(
                occurrence.immutable_id, start=start, end=start + HOUR, is_all_day=False
            )

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

    def _agent(self, step: Step) -> Agent:
        return self.stage.agents[step.which % len(self.stage.agents)]

    def _event(self, step: Step) -> tuple[Agent, SimEvent | None]:
        if not self.events:
            return self.stage.agents[0], None
        agent, identity = self.events[step.which % len(self.events)]
        return agent, model.find(self.stage.calendar(agent), identity)

    def _masters(self) -> list[tuple[Agent, SimEvent]]:
        everything = [
            (agent, event) for agent in self.stage.agents for event in self.stage.calendar(agent).events()
        ]
        return [(agent, event) for agent, event in everything if event.recurrence and event.is_organizer]

    def _plain_occurrence(self, step: Step) -> tuple[Agent, SimEvent] | None:
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

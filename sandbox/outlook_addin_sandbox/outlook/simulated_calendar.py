"""The page's calendar over a mailbox of the Graph simulator."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from outlook_addin_sandbox.graph.errors import GraphError
from outlook_addin_sandbox.graph.events import Attendee, SimEvent
from outlook_addin_sandbox.graph.mailbox import Mailbox
from outlook_addin_sandbox.outlook.calendar_port import CalendarEvent, EventFields, EventNotFoundError

SHOWN = timedelta(days=400)
"""How far the page can leaf, in both directions."""


@dataclass(frozen=True)
class SimulatedCalendar:
    """Reads and changes a simulated mailbox, so that every change is notified as Graph would.

    Events are named by their immutable ids: they stay the same when a deleted event is restored.
    """

    mailbox: Mailbox
    now: Callable[[], datetime]

    async def events(self, addin_id: str) -> list[CalendarEvent]:
        """All events around today, the occurrences of series among them, and then the series."""
        now = self.now()
        shown = self.mailbox.view(now - SHOWN, now + SHOWN)
        series = [event for event in self.mailbox.events() if event.recurrence is not None]
        return [_event(event, addin_id) for event in [*shown, *series]]

    async def create(self, fields: EventFields) -> str:
        """Make an event in the default calendar."""
        values = _sim_fields(fields)
        event = self.mailbox.create_event(
            values.pop("subject", ""), values.pop("start"), values.pop("end"), **values
        )
        return event.immutable_id

    async def update(self, event_id: str, fields: EventFields) -> None:
        """Change an event; changing one occurrence makes it an exception of its series."""
        with _missing_events():
            self.mailbox.update_event(event_id, **_sim_fields(fields))

    async def set_custom_properties(
        self, event_id: str, addin_id: str, properties: Mapping[str, Any]
    ) -> None:
        """Keep an add-in's properties as one JSON text, as Outlook does; none at all removes it."""
        text = json.dumps(properties) if properties else None
        with _missing_events():
            self.mailbox.set_custom_properties(event_id, addin_id, text)

    async def delete(self, event_id: str) -> None:
        """Move an event to Deleted Items; an occurrence goes from its series."""
        with _missing_events():
            self.mailbox.delete_event(event_id)

    async def deleted(self) -> list[CalendarEvent]:
        """What lies in Deleted Items, a series as one."""
        return [_event(event, "") for event in self.mailbox.deleted_events()]

    async def restore(self, event_id: str) -> None:
        """Take an event out of Deleted Items."""
        with _missing_events():
            self.mailbox.restore_event(event_id)

    async def purge(self, event_id: str) -> None:
        """Delete an event for good that lies in Deleted Items."""
        if event_id not in {event.immutable_id for event in self.mailbox.deleted_events()}:
            raise EventNotFoundError(event_id)
        self.mailbox.purge_event(event_id)


@contextmanager
def _missing_events() -> Iterator[None]:
    try:
        yield
    except GraphError as error:
        raise EventNotFoundError(str(error)) from error


def _sim_fields(fields: EventFields) -> dict[str, Any]:
    values: dict[str, Any] = {**fields}
    if "body" in values:
        values["body_html"] = values.pop("body")
    if "attendees" in values:
        values["attendees"] = tuple(Attendee(address) for address in values["attendees"])
    return values


def _event(event: SimEvent, addin_id: str) -> CalendarEvent:
    return CalendarEvent(
        id=event.immutable_id,
        subject=event.subject,
        start=event.start,
        end=event.end,
        is_all_day=event.is_all_day,
        time_zone=event.time_zone,
        location=event.location,
        body=event.body_html,
        attendees=tuple(attendee.address for attendee in event.attendees),
        sensitivity=event.sensitivity,
        is_cancelled=event.is_cancelled,
        series_id=event.series_master_id,
        recurrence=event.recurrence,
        invited_by="" if event.is_organizer else event.organizer,
        custom_properties=_properties(event.custom_properties.get(addin_id.lower())),
    )


def _properties(text: str | None) -> dict[str, Any]:
    try:
        properties = json.loads(text or "{}")
    except ValueError:
        return {}
    return properties if isinstance(properties, dict) else {}

"""What the page asks of a mailbox, in the page's own words.

A small protocol keeps the page apart from the simulator behind it: the page knows events, not Graph JSON.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypedDict

from outlook_addin_sandbox.graph.events import Recurrence

MAX_CUSTOM_PROPERTIES = 2_500
"""Characters of JSON per item and add-in (learn.microsoft.com, Outlook add-in limits)."""


class EventNotFoundError(LookupError):
    """The mailbox has no such event (any more)."""


class EventFields(TypedDict, total=False):
    """What a person can edit in the form; a missing key stays as it is.

    Times are aware datetimes; those of an all-day event are midnights in ``time_zone``.
    """

    subject: str
    start: datetime
    end: datetime
    is_all_day: bool
    time_zone: str
    location: str
    body: str
    attendees: list[str]
    sensitivity: str
    recurrence: Recurrence | None
    """Makes a series of the event; None makes the series a single event again."""


@dataclass(frozen=True)
class CalendarEvent:
    """One event as the page draws it. Times are aware; ``body`` is HTML; ``attendees`` are addresses."""

    id: str
    subject: str
    start: datetime
    end: datetime
    is_all_day: bool = False
    time_zone: str = "UTC"
    location: str = ""
    body: str = ""
    attendees: tuple[str, ...] = ()
    sensitivity: str = "normal"
    is_cancelled: bool = False
    series_id: str | None = None
    """Id of the series of which this is one occurrence."""
    recurrence: Recurrence | None = None
    """Set on a series as a whole, whose times are those of its first occurrence."""
    invited_by: str = ""
    """Address of the organizer of a meeting to which this agent was invited; empty for the agent's own."""
    custom_properties: Mapping[str, Any] = field(default_factory=dict)


class CalendarPort(Protocol):
    """The calendar of one agent.

    Methods that name an event raise ``EventNotFoundError`` when it is not there. ``addin_id`` says whose
    custom properties are meant: every add-in sees its own only.
    """

    async def events(self, addin_id: str) -> list[CalendarEvent]:
        """All events that are not deleted: single ones, occurrences, and each series as a whole.

        They carry the custom properties of one add-in.
        """
        ...

    async def create(self, fields: EventFields) -> str:
        """Make an event and return its id."""
        ...

    async def update(self, event_id: str, fields: EventFields) -> None:
        """Change the given fields of an event; moving it is a change of start and end."""
        ...

    async def set_custom_properties(
        self, event_id: str, addin_id: str, properties: Mapping[str, Any]
    ) -> None:
        """Replace all properties that one add-in keeps on an event."""
        ...

    async def delete(self, event_id: str) -> None:
        """Move an event or a series to Deleted Items; one occurrence is gone from its series for good."""
        ...

    async def deleted(self) -> list[CalendarEvent]:
        """What lies in Deleted Items, a series as one."""
        ...

    async def restore(self, event_id: str) -> None:
        """Bring a deleted event back as the same item."""
        ...

    async def purge(self, event_id: str) -> None:
        """Delete an event for good that lies in Deleted Items."""
        ...

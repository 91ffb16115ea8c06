"""Calendars and events as a mailbox keeps them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from types import MappingProxyType
from zoneinfo import ZoneInfo

NO_PROPERTIES: Mapping[str, str] = MappingProxyType({})
NEVER = datetime.min.replace(tzinfo=UTC)
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True)
class Calendar:
    """A calendar of a mailbox."""

    id: str
    name: str
    is_default: bool = False
    owner: str = ""
    """Address of the colleague who shares it; empty: the owner of the mailbox."""


@dataclass(frozen=True)
class Attendee:
    """Somebody who is invited."""

    address: str
    name: str = ""
    kind: str = "required"
    response: str = "none"


@dataclass(frozen=True)
class Recurrence:
    """A daily or weekly pattern; ends after `count` occurrences, or with `until`, or never."""

    pattern: str = "daily"
    """`daily` or `weekly`."""
    interval: int = 1
    days_of_week: tuple[str, ...] = ()
    """Lower-case English day names; a weekly pattern without any repeats on the weekday of its start."""
    count: int | None = None
    until: date | None = None


@dataclass(frozen=True)
class SimEvent:
    """One event of one mailbox. Change it through its `Mailbox`, which tells the subscribers."""

    id: str
    """Default id: another one after a move."""
    immutable_id: str
    """Stays the same in every folder of the mailbox."""
    calendar_id: str
    subject: str
    start: datetime
    """Aware. An all-day event starts at midnight in its own time zone."""
    end: datetime
    time_zone: str = "UTC"
    """IANA name of the zone that the event was made in."""
    is_all_day: bool = False
    body_html: str = ""
    location: str = ""
    categories: tuple[str, ...] = ()
    attendees: tuple[Attendee, ...] = ()
    sensitivity: str = "normal"
    """`normal`, `personal`, `private` or `confidential`."""
    show_as: str = "busy"
    is_organizer: bool = True
    organizer: str = ""
    """Address of somebody else who organises; empty: the owner of the mailbox."""
    is_cancelled: bool = False
    is_draft: bool = False
    custom_properties: Mapping[str, str] = field(default_factory=lambda: NO_PROPERTIES)
    """Add-in id (lower case) to the JSON text that the add-in saved."""
    transaction_id: str | None = None
    ical_uid: str = ""
    recurrence: Recurrence | None = None
    """Set on the master of a series only."""
    cancelled_dates: frozenset[date] = frozenset()
    """Dates (in `time_zone`) whose occurrence of this series is gone."""
    series_master_id: str | None = None
    """Immutable id of the master; set on occurrences and exceptions."""
    original_start: datetime | None = None
    """When the pattern put this occurrence."""
    is_exception: bool = False
    created: datetime = NEVER
    modified: datetime = NEVER
    version: int = 1
    is_deleted: bool = False
    """Whether it lies in Deleted Items."""

    @property
    def type(self) -> str:
        """Kind of item, by Graph's names."""
        if self.recurrence is not None:
            return "seriesMaster"
        if self.series_master_id is None:
            return "singleInstance"
        return "exception" if self.is_exception else "occurrence"

    @property
    def zone(self) -> ZoneInfo:
        """The time zone that it was made in."""
        return ZoneInfo(self.time_zone)

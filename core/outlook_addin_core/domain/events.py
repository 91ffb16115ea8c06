"""Outlook events as far as the product needs them, in one time zone and without surprises."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any, Final, Self
from uuid import UUID

from outlook_addin_core.domain.links import custom_property_id, parse_link
from outlook_addin_core.domain.timezones import zone

_NO_YEARS: Final = frozenset({1, 9999})
"""What Exchange writes where it has no time."""


@dataclass(frozen=True)
class Gone:
    """An event that is not there: Graph does not find it, or it lies among the deleted items.

    Args:
        reason: What was seen, in words that are fit for a log.
    """

    reason: str


@dataclass(frozen=True, kw_only=True)
class Event:
    """One event in a mailbox.

    Args:
        id: Its immutable id; ids are case-sensitive.
        etag: The version that was read.
        subject: May be empty. Never for logs.
        start: When it starts, in UTC. An all-day event starts at midnight in its original zone.
        end: When it ends, read as the start is; None if Graph was not asked or has no such time.
        link: The UUID of the add-in's link in its custom properties, if there is one. Occurrences of a series
            have their series' link unless they were scheduled by themselves.
        series_master_id: The immutable id of the series, on its occurrences only.
        occurrence_id: The name by which a series lists this occurrence when it is cancelled.
    """

    id: str
    etag: str
    subject: str = field(default="", repr=False)
    start: datetime | None = None
    is_all_day: bool = False
    is_cancelled: bool = False
    sensitivity: str = "normal"
    type: str = "singleInstance"
    is_organizer: bool = True
    link: UUID | None = None
    series_master_id: str | None = None
    original_start_time_zone: str | None = None
    end: datetime | None = None
    occurrence_id: str | None = None

    @property
    def is_series(self) -> bool:
        """Whether it stands for a whole series; its own start is that of the first occurrence ever."""
        return self.type == "seriesMaster"

    @property
    def is_private(self) -> bool:
        """Whether its subject must not leave the calendar."""
        return self.sensitivity.lower() in {"private", "confidential"}

    @classmethod
    def from_graph(cls, json: Mapping[str, Any], addin_id: str) -> Self:
        """Read Graph's event resource, asked for with ``outlook.timezone="UTC"``.

        Raises:
            ValueError: It has no id, or its start or end is not a time.
        """
        identity = json.get("id")
        if not isinstance(identity, str) or not identity:
            raise ValueError("the event has no id")
        zone_name = _text(json.get("originalStartTimeZone"))
        is_all_day = bool(json.get("isAllDay"))
        return cls(
            id=identity,
            etag=str(json.get("@odata.etag") or ""),
            subject=str(json.get("subject") or ""),
            start=_moment(json.get("start"), is_all_day=is_all_day, zone_name=zone_name),
            end=_moment(json.get("end"), is_all_day=is_all_day, zone_name=zone_name),
            is_all_day=is_all_day,
            is_cancelled=bool(json.get("isCancelled")),
            sensitivity=str(json.get("sensitivity") or "normal"),
            type=str(json.get("type") or "singleInstance"),
            is_organizer=json.get("isOrganizer") is not False,
            link=_link(json.get("singleValueExtendedProperties"), addin_id),
            series_master_id=_text(json.get("seriesMasterId")),
            occurrence_id=_text(json.get("occurrenceId")),
            original_start_time_zone=zone_name,
        )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _moment(value: Any, *, is_all_day: bool, zone_name: str | None) -> datetime | None:
    """Read ``{dateTime, timeZone}``; the text has no offset and up to seven digits of a second's fraction."""
    if not isinstance(value, Mapping) or not value.get("dateTime"):
        return None
    moment = datetime.fromisoformat(str(value["dateTime"]))
    if moment.year in _NO_YEARS:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone(_text(value.get("timeZone"))))
    moment = moment.astimezone(UTC)
    if is_all_day and moment.time() == time():
        return _midnight(moment.date(), zone_name)
    return moment


def _midnight(day: date, zone_name: str | None) -> datetime:
    """Return when a day begins where the event was made; Graph says the date as midnight UTC."""
    return datetime.combine(day, time(), tzinfo=zone(zone_name)).astimezone(UTC)


def _link(properties: Any, addin_id: str) -> UUID | None:
    """Find our custom properties; the property id may come in another case, an empty list not at all."""
    wanted = custom_property_id(addin_id).lower()
    for item in properties if isinstance(properties, list) else ():
        if isinstance(item, Mapping) and str(item.get("id")).lower() == wanted:
            return parse_link(str(item.get("value") or ""))
    return None

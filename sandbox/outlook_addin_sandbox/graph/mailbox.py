"""A person's mailbox, changed the way Outlook changes it: every change tells the subscribers."""

import base64
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import Enum
from types import MappingProxyType
from typing import Any

from outlook_addin_sandbox.graph.errors import item_not_found
from outlook_addin_sandbox.graph.events import Calendar, SimEvent
from outlook_addin_sandbox.graph.recurrence import occurrence_on, occurrences, split_occurrence_id
from outlook_addin_sandbox.serving import Clock

CUSTOM_PROPERTY_LIMIT = 2500
"""Characters of one add-in's custom properties (MS-OXCEXT, section 2.2.5)."""


class MailboxState(Enum):
    """Whether Graph can reach a mailbox."""

    ACTIVE = "active"
    NOT_ENABLED = "not enabled"
    """Inactive, or not in the cloud."""
    DENIED = "denied"
    """An access policy keeps the application out."""


class ChangeKind(Enum):
    """What a notification says happened."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"


@dataclass(frozen=True)
class Change:
    """One change of one event; `before` is the event as it was, where it existed."""

    mailbox: "Mailbox"
    kind: ChangeKind
    event: SimEvent
    before: SimEvent | None = None
    only_custom_properties: bool = False


Observer = Callable[[Change], None]


class Mailbox:
    """Calendars and events of one person. Every id argument may be a default or an immutable id.

    Args:
        user_id: object id of the owner.
        tenant_id: tenant of the owner.
        address: address of the owner.
        now: the clock behind created and modified times.
        observer: called after every change.
    """

    def __init__(self, user_id: str, tenant_id: str, address: str, now: Clock, observer: Observer) -> None:
        self.user_id = user_id
        self.tenant_id = tenant_id
        self.address = address
        self.state = MailboxState.ACTIVE
        self.default_calendar = Calendar(_identifier("cal"), "Calendar", is_default=True)
        self.calendars: dict[str, Calendar] = {self.default_calendar.id: self.default_calendar}
        self._events: dict[str, SimEvent] = {}
        self._now = now
        self._observer = observer

    def events(self, calendar_id: str | None = None) -> list[SimEvent]:
        """Return single events, series masters and exceptions, oldest first; Deleted Items are left out."""
        kept = (event for event in self._events.values() if not event.is_deleted)
        return [event for event in kept if calendar_id in {None, event.calendar_id}]

    def view(self, start: datetime, end: datetime, calendar_id: str | None = None) -> list[SimEvent]:
        """Return what takes place from `start` to `end`, series expanded, ordered by start."""
        found: list[SimEvent] = []
        for event in self.events(calendar_id):
            if event.recurrence is not None:
                found += occurrences(event, start, end)
            elif event.start < end and event.end > start:
                found.append(event)
        return sorted(found, key=lambda event: event.start)

    def deleted_events(self) -> list[SimEvent]:
        """Return what lies in Deleted Items; a series counts as one."""
        kept = (event for event in self._events.values() if event.is_deleted)
        return [event for event in kept if event.series_master_id is None]

    def get(self, event_id: str) -> SimEvent:
        """Return an event, also from Deleted Items, or an occurrence of a series.

        Raises:
            GraphError: 404 ErrorItemNotFound.
        """
        for event in self._events.values():
            if event_id in {event.id, event.immutable_id}:
                return event
        if (parts := split_occurrence_id(event_id)) is not None:
            occurrence = occurrence_on(self.get(parts[0]), parts[1])
            if occurrence is not None:
                return occurrence
        raise item_not_found()

    def exceptions(self, master: SimEvent) -> list[SimEvent]:
        """Return the changed occurrences of a series."""
        return [each for each in self.events() if each.series_master_id == master.immutable_id]

    def add_calendar(self, name: str) -> Calendar:
        """Make a secondary calendar."""
        calendar = Calendar(_identifier("cal"), name)
        self.calendars[calendar.id] = calendar
        return calendar

    def create_event(
        self, subject: str, start: datetime, end: datetime, *, calendar_id: str | None = None, **fields: Any
    ) -> SimEvent:
        """Save a new event; `fields` are further fields of SimEvent."""
        now = self._now()
        event = SimEvent(
            id=_identifier("AAMk"),
            immutable_id=_identifier("AAkA"),
            calendar_id=calendar_id or self.default_calendar.id,
            subject=subject,
            start=start,
            end=end,
            created=now,
            modified=now,
            **{"ical_uid": _identifier("040000"), **_frozen(fields)},
        )
        self._events[event.immutable_id] = event
        self._tell(ChangeKind.CREATED, event)
        return event

    def update_event(self, event_id: str, **changes: Any) -> SimEvent:
        """Change fields of an event; changing one occurrence makes it an exception of its series.

        Changing when a series takes place undoes what was changed in single occurrences, as in Outlook.

        Raises:
            GraphError: 404 ErrorItemNotFound.
        """
        before = self.get(event_id)
        if before.type == "occurrence":
            return self._make_exception(before, changes)
        if before.recurrence is not None and changes.keys() & {"recurrence", "start"}:
            changes |= {"cancelled_dates": frozenset()}
            self._forget_exceptions(before)
        event = self._put(before, **_frozen(changes))
        self._tell(ChangeKind.UPDATED, event, before, only_custom=set(changes) == {"custom_properties"})
        return event

    def set_custom_properties(self, event_id: str, addin_id: str, json_text: str | None) -> SimEvent:
        """Save an add-in's custom properties, or remove them with None.

        Raises:
            ValueError: longer than Outlook keeps.
            GraphError: 404 ErrorItemNotFound.
        """
        if json_text is not None and len(json_text) > CUSTOM_PROPERTY_LIMIT:
            raise ValueError(f"custom properties are limited to {CUSTOM_PROPERTY_LIMIT} characters")
        present = {**self.get(event_id).custom_properties, addin_id.lower(): json_text}
        kept = {name: text for name, text in present.items() if text is not None}
        return self.update_event(event_id, custom_properties=kept)

    def move(self, event_id: str, calendar_id: str) -> SimEvent:
        """Move an event to another calendar of this mailbox; its default id changes.

        Raises:
            KeyError: no such calendar.
            GraphError: 404 ErrorItemNotFound.
        """
        before, calendar = self.get(event_id), self.calendars[calendar_id]
        event = self._put(before, id=_identifier("AAMk"), calendar_id=calendar.id)
        self._with_exceptions(event, calendar_id=calendar.id)
        self._tell(ChangeKind.UPDATED, event, before)
        return event

    def copy(self, event_id: str) -> SimEvent:
        """Copy an event with everything in it, as copy and paste does."""
        original = self.get(event_id)
        event = replace(
            original,
            id=_identifier("AAMk"),
            immutable_id=_identifier("AAkA"),
            ical_uid=_identifier("040000"),
            created=self._now(),
            modified=self._now(),
            version=1,
        )
        self._events[event.immutable_id] = event
        self._tell(ChangeKind.CREATED, event)
        return event

    def delete_event(self, event_id: str) -> None:
        """Move an event to Deleted Items; of a series' occurrence only the master's list of them changes.

        Raises:
            GraphError: 404 ErrorItemNotFound.
        """
        before = self.get(event_id)
        if before.series_master_id is not None:
            self._cancel_occurrence(before)
            return
        event = self._put(before, id=_identifier("AAMk"), is_deleted=True)
        self._with_exceptions(event, is_deleted=True)
        self._tell(ChangeKind.DELETED, event, before)

    def purge_event(self, event_id: str) -> None:
        """Delete an event for good; tells nobody if it lay in Deleted Items already."""
        before = self.get(event_id)
        del self._events[before.immutable_id]
        self._forget_exceptions(before)
        if not before.is_deleted:
            self._tell(ChangeKind.DELETED, before, before)

    def restore_event(self, event_id: str) -> SimEvent:
        """Take an event back from Deleted Items into its calendar; the immutable id stays."""
        before = self.get(event_id)
        event = self._put(before, id=_identifier("AAMk"), is_deleted=False)
        self._with_exceptions(event, is_deleted=False)
        self._tell(ChangeKind.CREATED, event, before)
        return event

    def cancel(self, event_id: str) -> None:
        """Cancel a meeting: the organiser's copy goes to Deleted Items, an attendee's stays and says so."""
        event = self.get(event_id)
        if event.is_organizer:
            self.delete_event(event_id)
        else:
            self.update_event(event_id, is_cancelled=True, subject=f"Canceled: {event.subject}")

    def _make_exception(self, occurrence: SimEvent, changes: Mapping[str, Any]) -> SimEvent:
        master = self.get(str(occurrence.series_master_id))
        day = _day(occurrence)
        event = replace(
            occurrence,
            id=_identifier("AAMk"),
            immutable_id=_identifier("AAkA"),
            is_exception=True,
            modified=self._now(),
            **_frozen(changes),
        )
        self._events[event.immutable_id] = event
        changed = self._put(master, cancelled_dates=master.cancelled_dates | {day})
        self._tell(ChangeKind.UPDATED, changed, master)
        return event

    def _cancel_occurrence(self, occurrence: SimEvent) -> None:
        master = self.get(str(occurrence.series_master_id))
        self._events.pop(occurrence.immutable_id, None)
        changed = self._put(master, cancelled_dates=master.cancelled_dates | {_day(occurrence)})
        self._tell(ChangeKind.UPDATED, changed, master)

    def _with_exceptions(self, master: SimEvent, **changes: Any) -> None:
        for each in self._exceptions(master):
            self._put(each, **changes)

    def _forget_exceptions(self, master: SimEvent) -> None:
        for each in self._exceptions(master):
            del self._events[each.immutable_id]

    def _exceptions(self, master: SimEvent) -> list[SimEvent]:
        return [each for each in self._events.values() if each.series_master_id == master.immutable_id]

    def _put(self, before: SimEvent, **changes: Any) -> SimEvent:
        event = replace(before, **changes, modified=self._now(), version=before.version + 1)
        self._events[event.immutable_id] = event
        return event

    def _tell(
        self, kind: ChangeKind, event: SimEvent, before: SimEvent | None = None, *, only_custom: bool = False
    ) -> None:
        self._observer(Change(self, kind, event, before, only_custom))


def _frozen(fields: Mapping[str, Any]) -> dict[str, Any]:
    changed = dict(fields)
    if "custom_properties" in changed:
        texts = {name.lower(): text for name, text in changed["custom_properties"].items()}
        changed["custom_properties"] = MappingProxyType(texts)
    return changed


def _day(occurrence: SimEvent) -> date:
    start = occurrence.original_start or occurrence.start
    return start.astimezone(occurrence.zone).date()


def _identifier(prefix: str) -> str:
    # Upper and lower case matter in Outlook's ids, and some of their characters need escaping in a path.
    return prefix + base64.urlsafe_b64encode(secrets.token_bytes(30)).decode() + "="

"""A meeting in the calendars of those who are invited: the organiser's original, and the attendees' copies.

Sources: learn.microsoft.com/graph/api/resources/event (iCalUId, isOrganizer, isCancelled); OfficeDev's "Get
and set metadata" (custom properties are not sent to recipients). Every copy has an id of its own; all share
the iCalUId. What attendees do with their copies reaches nobody else.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from outlook_addin_sandbox.graph.events import SimEvent
from outlook_addin_sandbox.graph.faults import GraphFaults
from outlook_addin_sandbox.graph.mailbox import Change, ChangeKind, Mailbox
from outlook_addin_sandbox.graph.recurrence import occurrence_id

TOLD = (
    "subject",
    "start",
    "end",
    "time_zone",
    "is_all_day",
    "location",
    "attendees",
    "sensitivity",
    "recurrence",
)
"""What an invitation tells besides its text."""
CANCELLED = "Canceled: "


class Invitations:
    """Brings copies to where their originals are, after every change of an original.

    Args:
        mailboxes: mailboxes by user id, of all tenants.
        faults: switches.
    """

    def __init__(self, mailboxes: Mapping[str, Mailbox], faults: GraphFaults) -> None:
        self._mailboxes = mailboxes
        self._faults = faults

    def follow(self, change: Change) -> None:
        """Send what an organiser's change means to the attendees; a restored meeting is not sent again."""
        event, before = change.event, change.before or change.event
        is_meeting = event.is_organizer and (event.attendees or before.attendees)
        is_restored = change.kind is ChangeKind.CREATED and change.before is not None
        if not self._faults.invites or not is_meeting or event.is_draft or is_restored:
            return
        for mailbox in self._invited(change.mailbox, before):
            if change.kind is ChangeKind.DELETED or mailbox not in self._invited(change.mailbox, event):
                self._cancel(mailbox, _copy(mailbox, before))
        if change.kind is not ChangeKind.DELETED:
            for mailbox in self._invited(change.mailbox, event):
                self._bring(change, mailbox)

    def _invited(self, organiser: Mailbox, event: SimEvent) -> list[Mailbox]:
        addresses = {each.address.lower() for each in event.attendees} - {organiser.address.lower()}
        return [each for each in self._mailboxes.values() if each.address.lower() in addresses]

    def _told(self, event: SimEvent) -> dict[str, Any]:
        fields = {name: getattr(event, name) for name in TOLD}
        if self._faults.copies_body:
            fields["body_html"] = event.body_html
        if self._faults.copies_custom_properties:
            fields["custom_properties"] = event.custom_properties
        return fields

    def _bring(self, change: Change, mailbox: Mailbox) -> None:
        event, found, told = change.event, _copy(mailbox, change.event), self._told(change.event)
        says_something = change.before is None or told != self._told(change.before)
        if found is None and event.series_master_id is None and says_something:
            whose: dict[str, Any] = {"is_organizer": False, "organizer": change.mailbox.address}
            found = mailbox.create_event(ical_uid=event.ical_uid, **whose, **told)
        elif found is not None and says_something:
            found = _update(mailbox, found, {**told, "is_cancelled": False})
        if found is not None and event.recurrence is not None:
            self._bring_occurrences(change.mailbox, event, mailbox, found)

    def _bring_occurrences(
        self, organiser: Mailbox, master: SimEvent, mailbox: Mailbox, copied: SimEvent
    ) -> None:
        originals = {_day(each): each for each in organiser.exceptions(master)}
        copies = {_day(each): each for each in mailbox.exceptions(copied)}
        for day in sorted(master.cancelled_dates):
            if day not in copies and day in copied.cancelled_dates:
                continue  # the attendee has deleted it
            found = copies.get(day) or mailbox.get(occurrence_id(copied.immutable_id, day))
            if day in originals:
                told = self._told(originals[day]) | {"is_cancelled": False}
                _update(mailbox, found, {name: told[name] for name in told if name != "recurrence"})
            else:
                self._cancel(mailbox, found)

    def _cancel(self, mailbox: Mailbox, found: SimEvent | None) -> None:
        if found is None or found.is_cancelled:
            return
        if self._faults.cancelled_copy_stays:
            mailbox.cancel(found.immutable_id)
        else:
            mailbox.delete_event(found.immutable_id)


def _copy(mailbox: Mailbox, event: SimEvent) -> SimEvent | None:
    """Return the attendee's copy of an event; of a changed occurrence, that of the same day."""
    day = _day(event) if event.series_master_id else None
    found = (each for each in mailbox.events() if each.ical_uid == event.ical_uid and not each.is_organizer)
    return next((each for each in found if (_day(each) if each.series_master_id else None) == day), None)


def _update(mailbox: Mailbox, copied: SimEvent, told: Mapping[str, Any]) -> SimEvent:
    changes = {name: value for name, value in told.items() if getattr(copied, name) != value}
    return mailbox.update_event(copied.immutable_id, **changes) if changes else copied


def _day(occurrence: SimEvent) -> date:
    start = occurrence.original_start or occurrence.start
    return start.astimezone(occurrence.zone).date()

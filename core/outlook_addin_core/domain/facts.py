"""What one decision is made from, and what follows from it at once: pure, like the decision.

The event that a conversation's marker names may be gone while another one has taken its place: an event that
was moved by deleting and making it anew, or brought back from an archive with another id. Such an heir takes
its place if there is no doubt. By its custom properties it is known for certain; by the text of its body only
together with the conversation's time, since anybody can paste a link anywhere.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from outlook_addin_core.domain.conversations import Conversation, Marker
from outlook_addin_core.domain.events import Event, Gone
from outlook_addin_core.domain.outcomes import Policy
from outlook_addin_core.domain.series import Series, next_occurrence

CREATED: Final = "CREATED"
MINUTE: Final = timedelta(minutes=1)

DRAFT_PAST: Final = timedelta(hours=24)
"""How long a draft's time must be past: whoever never saved the event may still hold the conversation."""


def wanted_time(event: Event) -> datetime | None:
    """Return the event's start as Unblu keeps it: rounded to the minute."""
    if event.start is None:
        return None
    cut = event.start.replace(second=0, microsecond=0)
    return cut + MINUTE if event.start - cut >= MINUTE / 2 else cut


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The arguments of ``decisions.decide``, and the id of the heir that has taken the event's place."""

    event: Event | Gone | None
    conversation: Conversation | None
    now: datetime
    policy: Policy
    carriers: tuple[Event, ...] | None
    mentions: tuple[Event, ...] | None
    series: Series | None
    gone_since: datetime | None
    adopted: str | None = None

    @property
    def marker(self) -> Marker | None:
        """Which event the conversation belongs to, if one was ever seen."""
        return self.conversation.marker if self.conversation else None

    @property
    def is_recorded(self) -> bool:
        """Whether the marker names the event: then it is the one, with or without a link in it."""
        named = self.marker.event_id if self.marker else None
        return isinstance(self.event, Event) and self.event.id in {named, self.adopted}

    @property
    def is_unseen(self) -> bool:
        """Whether no event of the conversation was ever seen."""
        return self.marker is None and not isinstance(self.event, Event)

    @property
    def is_expired_draft(self) -> bool:
        """Whether an unseen event's conversation has been kept long enough."""
        known, keep = self.conversation, self.policy.draft_grace
        if not self.is_unseen or keep is None or known is None:
            return False
        if known.created is None or known.scheduled is None:
            return False
        return self.now >= max(known.created + keep, known.scheduled + DRAFT_PAST)

    @property
    def is_absent(self) -> bool:
        """Whether the event does not want its conversation any more."""
        if self.is_unseen:
            return self.is_expired_draft
        if not isinstance(self.event, Event):
            return isinstance(self.event, Gone)
        return self.event.is_cancelled or self._lies_in_no_calendar(self.event)

    @property
    def is_wanted(self) -> bool:
        """Whether there is an event that wants its conversation."""
        return isinstance(self.event, Event) and not self.is_absent

    @property
    def was_searched(self) -> bool:
        """Whether somebody has looked for all other events that lead to the conversation."""
        return self.carriers is not None and self.mentions is not None

    @property
    def carrying(self) -> list[Event]:
        """The living events that carry the conversation's link in their custom properties."""
        everything = [each for each in self._listed if not each.is_cancelled and self._is_carrier(each)]
        living = {each.id: each for each in reversed(everything)}
        series = {each.id for each in living.values() if each.is_series}
        return [each for each in living.values() if each.is_series or each.series_master_id not in series]

    @property
    def mentioning(self) -> list[Event]:
        """The living events of the conversation's day whose text alone leads to it."""
        others = [each for each in self.mentions or () if not self._is_carrier(each)]
        return [each for each in others if not each.is_cancelled]

    @property
    def occurrence(self) -> Event | None:
        """The event whose start counts: of a series, its next occurrence."""
        if not isinstance(self.event, Event):
            return None
        if not self.event.is_series:
            return self.event
        link = self.conversation.link if self.conversation else None
        return next_occurrence(self.event, self.series, self.now, link) if self.series else None

    def with_heir(self) -> "Facts":
        """Put the one event in the place of an absent one that has doubtless taken it."""
        if self.conversation is None or not (self.is_absent or self.is_unseen):
            return self
        heirs = self.carrying or [each for each in self.mentioning if self._stands_at_the_same_time(each)]
        if len(heirs) != 1 or not heirs[0].is_organizer:
            return self
        return replace(self, event=heirs[0], adopted=heirs[0].id, series=None)

    @property
    def _listed(self) -> list[Event]:
        return [*(self.carriers or ()), *(self.mentions or ())]

    def _is_carrier(self, event: Event) -> bool:
        if event.link is None:
            return False
        wanted = self.conversation.link if self.conversation else None
        return wanted is None or event.link == wanted

    def _stands_at_the_same_time(self, event: Event) -> bool:
        single = event.link is None and event.type == "singleInstance"
        return single and self.conversation is not None and wanted_time(event) == self.conversation.scheduled

    def _lies_in_no_calendar(self, event: Event) -> bool:
        """Deleted items keep their immutable id, and whether Graph still shows them is not documented.

        Occurrences are in no list, and without its link an event is not found by it: nothing follows.
        """
        if not self.was_searched or event.link is None or event.series_master_id is not None:
            return False
        return all(each.id != event.id for each in self._listed)

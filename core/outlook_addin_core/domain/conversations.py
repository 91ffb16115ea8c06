"""Unblu conversations as far as the product needs them, and the marker that it leaves in their metadata."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self
from uuid import UUID

from outlook_addin_core.domain.events import Event
from outlook_addin_core.domain.links import SourceId

EVENT_ID: Final = "outlook-addin.event-id"
FIRST_SEEN: Final = "outlook-addin.first-seen"
SERIES_ID: Final = "outlook-addin.series-id"
VERSION: Final = "$_version"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_END_OF_CALENDARS = (datetime(9000, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)
_ASSIGNED_AGENT = "ASSIGNED_AGENT"
_PUBLIC_LINK = "OPEN_PUBLIC_LINK"
_OVER = frozenset({"OFFBOARDING", "ENDED"})


@dataclass(frozen=True)
class Participant:
    """One person's part in a conversation; ``state`` ENDED means that the person has left."""

    person_id: str
    type: str
    state: str


@dataclass(frozen=True)
class Marker:
    """What the product remembers about a conversation: its event, and since when that is known.

    A conversation without a marker belongs to an event that was never seen saved.

    Args:
        event_id: The event's immutable id.
        series_id: The immutable id of the series, if the event is an occurrence that was scheduled by itself:
            lists of events do not show occurrences, and Graph tells of their deletion only at the series.
    """

    event_id: str
    first_seen: datetime
    series_id: str | None = None

    @classmethod
    def of(cls, event: Event, first_seen: datetime) -> Self:
        """Return the marker that names an event."""
        return cls(event.id, first_seen, event.series_master_id)

    def encode(self) -> dict[str, str]:
        """Return the metadata entries; the time in whole seconds."""
        moment = self.first_seen.astimezone(UTC).replace(microsecond=0, tzinfo=None)
        entries = {EVENT_ID: self.event_id, FIRST_SEEN: f"{moment.isoformat()}Z"}
        return entries | ({SERIES_ID: self.series_id} if self.series_id else {})

    @classmethod
    def decode(cls, metadata: Mapping[str, str]) -> Self | None:
        """Return the marker among metadata entries, or None if it is not there or cannot be read."""
        event_id = metadata.get(EVENT_ID)
        try:
            first_seen = datetime.fromisoformat(metadata[FIRST_SEEN])
            if not event_id or first_seen.tzinfo is None:
                return None
            return cls(event_id, first_seen.astimezone(UTC), metadata.get(SERIES_ID) or None)
        except (KeyError, ValueError, TypeError, OverflowError):
            return None


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """One conversation.

    Args:
        participants: People, in the conversation or once in it, external messenger contacts among them.
            Bots are not people: Unblu's own guard on deletion does not count what they say either.
        metadata: All entries, ``$_version`` among them, as ``updateMetadata`` wants them back.
        created: When it was made, in UTC.
        public_link: The address that the invitation in the event leads to.
    """

    id: str
    source_id: str | None
    state: str
    topic: str = field(default="", repr=False)
    scheduled: datetime | None = None
    assignee: str | None = None
    participants: tuple[Participant, ...] = ()
    marker: Marker | None = None
    metadata_version: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict, repr=False)
    created: datetime | None = None
    public_link: str | None = field(default=None, repr=False)

    @property
    def link(self) -> UUID | None:
        """The UUID that its event carries; None for a conversation that is not ours."""
        source = SourceId.parse(self.source_id or "")
        return source.uuid if source else None

    @property
    def is_over(self) -> bool:
        """Whether nothing about it can be changed any more."""
        return self.state in _OVER

    @property
    def is_agent_alone(self) -> bool:
        """Whether the assignee is the only person in it, whatever state anybody's part is in."""
        return [participant.person_id for participant in self.participants] == [self.assignee]

    @classmethod
    def from_unblu(cls, json: Mapping[str, Any]) -> Self:
        """Read Unblu's ``ConversationData``, asked for with ``expand=metadata``.

        Raises:
            ValueError: It has no id or no state.
        """
        if not json.get("id") or not json.get("state"):
            raise ValueError("the conversation has no id or no state")
        participants = tuple(_participants(json))
        metadata = {key: str(value) for key, value in (json.get("metadata") or {}).items()}
        return cls(
            id=json["id"],
            source_id=json.get("sourceId"),
            state=json["state"],
            topic=json.get("topic") or "",
            scheduled=_moment(json.get("scheduledTimestamp")),
            assignee=_assignee(participants),
            participants=participants,
            marker=Marker.decode(metadata),
            metadata_version=metadata.get(VERSION),
            metadata=metadata,
            created=_moment(json.get("creationTimestamp")),
            public_link=_public_link(json),
        )


def to_milliseconds(moment: datetime) -> int:
    """Write a time as Unblu does: milliseconds since 1970."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _moment(milliseconds: int | None) -> datetime | None:
    """Read a time; one that no calendar holds counts as none, so that it stands in nobody's way."""
    if milliseconds is None or not 0 <= milliseconds < _END_OF_CALENDARS:
        return None
    return _EPOCH + timedelta(milliseconds=milliseconds)


def _public_link(json: Mapping[str, Any]) -> str | None:
    links = [item for item in json.get("links") or () if item.get("type") == _PUBLIC_LINK]
    return next((str(item["url"]) for item in links if item.get("url")), None)


def _participants(json: Mapping[str, Any]) -> list[Participant]:
    everybody = [*(json.get("participants") or ()), *(json.get("externalParticipants") or ())]
    return [
        Participant(
            str(item.get("personId") or ""),
            str(item.get("participationType") or ""),
            str(item.get("state") or ""),
        )
        for item in everybody
    ]


def _assignee(participants: tuple[Participant, ...]) -> str | None:
    agents = [each for each in participants if each.type == _ASSIGNED_AGENT and each.person_id]
    present = [each for each in agents if each.state not in _OVER]
    return next((each.person_id for each in present or agents), None)

"""Conversations as Unblu keeps them."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from outlook_addin_sandbox.unblu.persons import ACCOUNT_ID

MINUTE = 60_000
SCHEDULED = "SCHEDULED_CONVERSATION"
VERSION = "$_version"


@dataclass
class Participant:
    """Somebody in a conversation."""

    person_id: str
    participation_type: str = "ASSIGNED_AGENT"
    state: str = "CREATED"
    hidden: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the participant as ParticipantData."""
        return {
            "$_type": "ParticipantData",
            "state": self.state,
            "personId": self.person_id,
            "hidden": self.hidden,
            "conversationStarred": False,
            "participationType": self.participation_type,
        }


@dataclass
class Conversation:
    """One conversation; times are Unix milliseconds."""

    topic: str | None
    scheduled: int | None
    participants: list[Participant]
    created: int
    id: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    state: str = "CREATED"
    initial_engagement_type: str = SCHEDULED
    visibility: str = "PRIVATE"
    locale: str = "en"
    template_id: str = "sandbox-template-000001"
    visitor_data: str | None = None
    source_id: str | None = None
    source_url: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    ended: int | None = None
    end_reason: str | None = None
    messages: int = 0
    """Messages that a person wrote."""
    ever_present: set[str] = field(default_factory=set)
    """Ids of all persons who took part at any time."""

    def __post_init__(self) -> None:
        self.ever_present |= {each.person_id for each in self.participants}

    @property
    def is_active(self) -> bool:
        """Whether it has not ended."""
        return self.state != "ENDED"

    @property
    def assignee(self) -> str | None:
        """Person id of the assigned agent."""
        agents = (each.person_id for each in self.participants if each.participation_type == "ASSIGNED_AGENT")
        return next(agents, None)

    def has_participant(self, person: str) -> bool:
        """Tell whether somebody is among the present participants."""
        return any(each.person_id == person for each in self.participants)

    def participation(self, person: str) -> str | None:
        """Return how somebody takes part."""
        types = (each.participation_type for each in self.participants if each.person_id == person)
        return next(types, None)

    @property
    def metadata_version(self) -> str:
        """Version of the metadata; the empty map has the digest of nothing, as in the documented example."""
        pairs = "".join(f"{name}={self.metadata[name]}\n" for name in sorted(self.metadata))
        return hashlib.md5(pairs.encode(), usedforsecurity=False).hexdigest()

    def join(self, person: str, participation_type: str) -> None:
        """Let somebody in."""
        self.participants.append(Participant(person, participation_type, state="ACTIVE"))
        self.ever_present.add(person)

    def as_json(self, links: Mapping[str, str], *, metadata: bool) -> dict[str, Any]:
        """Return the conversation as ConversationData.

        Args:
            links: link type to URL.
            metadata: whether the metadata was asked for with `expand`.
        """
        return {
            "$_type": "ConversationData",
            "creationTimestamp": self.created,
            "endTimestamp": self.ended,
            "id": self.id,
            "accountId": ACCOUNT_ID,
            "topic": self.topic,
            "scheduledTimestamp": self.scheduled,
            "recipient": None,
            "participants": [each.as_json() for each in self.participants],
            "externalParticipants": [],
            "botParticipants": [],
            "state": self.state,
            "initialEngagementType": self.initial_engagement_type,
            "conversationVisibility": self.visibility,
            "locale": self.locale,
            "tokboxSessionId": None,
            "visitorData": self.visitor_data,
            "conversationTemplateId": self.template_id,
            "inheritConfigurationAndTexts": True,
            "links": [
                {"$_type": "ConversationLink", "type": kind, "url": url} for kind, url in links.items()
            ],
            "externalMessengerChannelId": None,
            "sourceId": self.source_id,
            "sourceUrl": self.source_url,
            "endReason": self.end_reason,
            "initialEngagementUrl": None,
            "awaitedPersonType": "NONE",
            "awaitedPersonTypeChangeTimestamp": None,
            "metadata": {VERSION: self.metadata_version, **self.metadata} if metadata else None,
            "configuration": None,
            "text": None,
        }


def round_to_minute(timestamp: int) -> int:
    """Return the nearest full minute, in milliseconds; half a minute goes up."""
    return (timestamp + MINUTE // 2) // MINUTE * MINUTE

"""The Web API's operations on conversations, with the role rules of their descriptions.

Source: Unblu Web API v4, operations of the tag Conversations.
"""

from collections.abc import Mapping
from typing import Any

from outlook_addin_sandbox.serving import Clock
from outlook_addin_sandbox.unblu.conversations import (
    SCHEDULED,
    VERSION,
    Conversation,
    Participant,
    round_to_minute,
)
from outlook_addin_sandbox.unblu.errors import UnbluError, bad_request, forbidden, not_found
from outlook_addin_sandbox.unblu.faults import UnbluFaults
from outlook_addin_sandbox.unblu.persons import Person, Role
from outlook_addin_sandbox.unblu.search import matching


class Operations:
    """What callers may do to conversations.

    Args:
        conversations: all conversations by id.
        faults: configuration properties of the server.
        now: the clock.
    """

    def __init__(self, conversations: dict[str, Conversation], faults: UnbluFaults, now: Clock) -> None:
        self._conversations = conversations
        self._faults = faults
        self._now = now

    def create(self, caller: Person, body: Mapping[str, Any]) -> Conversation:
        """Create a scheduled conversation; its sourceId must be unique among active conversations."""
        require(caller, Role.REGISTERED_USER)
        participants = _participants(body)
        _check_creation(body)
        if caller.role < Role.ADMIN:
            _check_alone(caller, participants)
        self._check_source(body.get("sourceId"))
        conversation = Conversation(
            topic=body["topic"],
            scheduled=round_to_minute(body["scheduledTimestamp"]),
            participants=participants,
            created=self._milliseconds(),
            visibility=body.get("conversationVisibility") or "PRIVATE",
            locale=body.get("locale") or "en",
            template_id=body.get("conversationTemplateId") or "sandbox-template-000001",
            visitor_data=body.get("visitorData"),
            source_id=body.get("sourceId"),
            source_url=body.get("sourceUrl"),
            metadata=dict(body.get("metadata") or {}),
        )
        self._conversations[conversation.id] = conversation
        return conversation

    def read(self, caller: Person, conversation_id: str) -> Conversation:
        """Return a conversation; without ADMIN only one's own."""
        require(caller, Role.REGISTERED_USER)
        conversation = self._conversations.get(conversation_id)
        if conversation is None:
            raise not_found(conversation_id)
        if caller.role < Role.ADMIN and not conversation.has_participant(caller.id):
            raise forbidden("The caller is not a participant of the conversation")
        return conversation

    def search(self, caller: Person, body: Mapping[str, Any]) -> tuple[list[Conversation], int | None]:
        """Return a page of conversations and the offset of the next one; without ADMIN only one's own."""
        require(caller, Role.REGISTERED_USER)
        found = matching(self._conversations.values(), list(body.get("searchFilters") or []))
        if caller.role < Role.ADMIN:
            found = [each for each in found if each.has_participant(caller.id)]
        start = int(body.get("offset") or 0)
        size = min(int(body.get("limit") or self._faults.page_limit), self._faults.page_limit)
        end = start + size
        return found[start:end], end if end < len(found) else None

    def set_topic(self, caller: Person, conversation_id: str, topic: str | None) -> Conversation:
        """Rename a conversation."""
        conversation = self._changeable(caller, conversation_id)
        self._check_change(
            caller, conversation, self._faults.allow_topic_change, self._faults.topic_change_types
        )
        if not topic and conversation.initial_engagement_type == SCHEDULED:
            raise bad_request("The topic is mandatory for a scheduled conversation")
        conversation.topic = topic
        return conversation

    def set_scheduled(self, caller: Person, conversation_id: str, timestamp: object) -> Conversation:
        """Move a conversation to another time, in Unix milliseconds."""
        conversation = self._changeable(caller, conversation_id)
        self._check_change(
            caller, conversation, self._faults.allow_time_change, self._faults.time_change_types
        )
        if not isinstance(timestamp, int) or isinstance(timestamp, bool):
            raise bad_request("scheduledTimestamp is mandatory")
        conversation.scheduled = round_to_minute(timestamp)
        return conversation

    def delete(self, caller: Person, conversation_id: str) -> None:
        """Delete a conversation; an ADMIN may always, others only where nobody else ever was."""
        conversation = self.read(caller, conversation_id)
        if caller.role < Role.ADMIN:
            if conversation.ever_present != {caller.id}:
                raise forbidden("The conversation has or had other participants")
            if conversation.messages:
                raise forbidden("The conversation contains messages")
        del self._conversations[conversation_id]

    def update_metadata(self, caller: Person, conversation_id: str, body: Mapping[str, Any]) -> Conversation:
        """Replace the metadata, if it is still the version that the caller read."""
        require(caller, Role.ADMIN)
        conversation = self.read(caller, conversation_id)
        if not all(isinstance(value, str) for value in body.values()):
            raise bad_request("Metadata values are strings")
        if body.get(VERSION) != conversation.metadata_version:
            raise UnbluError(409, "The metadata was changed in the meantime")
        conversation.metadata = {name: value for name, value in body.items() if name != VERSION}
        return conversation

    def _changeable(self, caller: Person, conversation_id: str) -> Conversation:
        conversation = self.read(caller, conversation_id)
        if not conversation.is_active:
            raise bad_request("The conversation has ended")
        return conversation

    def _check_change(self, caller: Person, conversation: Conversation, allowed: bool, types: str) -> None:  # noqa: FBT001
        if caller.role >= Role.ADMIN or allowed:
            return
        if conversation.participation(caller.id) not in {each.strip() for each in types.split(",")}:
            raise forbidden("The caller's participation type does not permit the change")

    def _check_source(self, source_id: str | None) -> None:
        active = (each for each in self._conversations.values() if each.is_active)
        if source_id is not None and any(each.source_id == source_id for each in active):
            message = f"An active conversation with the source id {source_id} already exists"
            raise UnbluError(self._faults.duplicate_source_status, message)

    def _milliseconds(self) -> int:
        return int(self._now().timestamp() * 1000)


def require(caller: Person, role: Role) -> None:
    """Raise 403 for a caller below `role`."""
    if caller.role < role:
        raise forbidden(f"The operation requires the role {role.name}")


def _participants(body: Mapping[str, Any]) -> list[Participant]:
    listed = body.get("participants") or []
    if not listed:
        raise bad_request("There must be at least one participant")
    try:
        return [Participant(each["personId"], each["participationType"]) for each in listed]
    except KeyError as error:
        raise bad_request(f"Participant without {error}") from error


def _check_creation(body: Mapping[str, Any]) -> None:
    if body.get("initialEngagementType") != SCHEDULED:
        raise bad_request("The simulator creates conversations of the type SCHEDULED_CONVERSATION only")
    if not body.get("topic"):
        raise bad_request("The topic is mandatory for a scheduled conversation")
    if not isinstance(body.get("scheduledTimestamp"), int):
        raise bad_request("scheduledTimestamp is mandatory for a scheduled conversation")


def _check_alone(caller: Person, participants: list[Participant]) -> None:
    if [(each.person_id, each.participation_type) for each in participants] != [
        (caller.id, "ASSIGNED_AGENT")
    ]:
        raise forbidden("The caller must be the only participant and the assigned agent")

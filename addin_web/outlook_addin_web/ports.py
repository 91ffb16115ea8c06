"""What the synchronisation needs from outside; the clients in the core fit, and so do the fakes in tests."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from outlook_addin_core.domain.conversations import Conversation, Marker
from outlook_addin_core.domain.events import Event, Gone
from outlook_addin_core.domain.mailbox import Mailbox


class Person(Protocol):
    """Who our Unblu identity is."""

    @property
    def is_admin(self) -> bool:
        """Whether it sees all conversations and may write metadata and delete."""
        ...


class Events(Protocol):
    """The events of all mailboxes. Every method raises the ClientError that fits."""

    async def get(self, mailbox: Mailbox, event_id: str) -> Event | Gone:
        """Read one event."""
        ...

    async def find_by_link(self, mailbox: Mailbox, uuid: UUID) -> list[Event]:
        """Return the events in all calendars of the mailbox that carry the link."""
        ...


class Conversations(Protocol):
    """Unblu's conversations. Every method raises the ClientError that fits."""

    async def current_person(self) -> Person:
        """Return who we are."""
        ...

    async def read(self, conversation_id: str) -> Conversation:
        """Read one conversation."""
        ...

    async def find_by_source_id(self, source_id: str) -> Conversation | None:
        """Return the conversation with a source id."""
        ...

    def search_mailbox(self, prefix: str) -> AsyncIterator[Conversation]:
        """Yield the open conversations whose source id begins with a prefix."""
        ...

    async def set_topic(self, conversation_id: str, topic: str) -> Conversation:
        """Rename a conversation."""
        ...

    async def set_scheduled(self, conversation_id: str, scheduled: datetime) -> Conversation:
        """Move a conversation."""
        ...

    async def delete(self, conversation_id: str) -> None:
        """Delete a conversation."""
        ...

    async def update_metadata(self, conversation: Conversation, marker: Marker) -> Conversation:
        """Write the marker."""
        ...


@dataclass(frozen=True)
class SubscriptionState:
    """A CalendarSubscription as far as the pane shows it."""

    name: str
    ready: bool
    reason: str
    expiration_time: str | None


class Subscriptions(Protocol):
    """The add-in's CalendarSubscriptions. Every method raises StoreUnavailable if Kubernetes fails."""

    async def get(self, mailbox: Mailbox) -> SubscriptionState | None:
        """Return the mailbox's subscription."""
        ...

    async def create(self, mailbox: Mailbox, address: str | None) -> None:
        """Make the mailbox's subscription; one that exists already is as good."""
        ...

    async def count(self) -> int:
        """Return how many there are."""
        ...

    async def request_renewal(self, mailbox: Mailbox, token: str) -> bool:
        """Ask the operator to renew; False if there is no such subscription."""
        ...


class StoreUnavailable(Exception):  # noqa: N818 - says what happened
    """The Kubernetes API refused or did not answer; the text names no object."""

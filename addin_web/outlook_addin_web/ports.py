"""What the synchronisation needs from outside; the clients in the core fit, and so do the fakes in tests."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

from outlook_addin_core.domain.conversations import Conversation, Marker
from outlook_addin_core.domain.election import Term
from outlook_addin_core.domain.events import Event, Gone
from outlook_addin_core.domain.mailbox import Mailbox
from outlook_addin_core.domain.series import Series
from outlook_addin_web.verdicts import Verdict


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

    async def find_by_link(self, mailbox: Mailbox, uuid: UUID, series_id: str | None = None) -> list[Event]:
        """Return the events in all calendars of the mailbox that carry the link, in a series' changes too."""
        ...

    def linked(self, mailbox: Mailbox) -> AsyncIterator[Event]:
        """Yield the events in all calendars of the mailbox that carry any link of the add-in."""
        ...

    async def on_day(self, mailbox: Mailbox, conversation: Conversation) -> list[Event]:
        """Return the events around a conversation's time that lead to it: by property, body or location."""
        ...

    async def series(self, mailbox: Mailbox, master: Event, now: datetime) -> Series | None:
        """Return what is around now in a series; None if it is gone."""
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


@dataclass(frozen=True, slots=True)
class Followed:
    """A CalendarSubscription as the sweep sees it.

    Args:
        web_made: Whether this server made it; only those are ever deleted for being idle.
        subscription_id: Graph's; another one than before means that it was replaced.
        sync_requested: What somebody wrote into the annotation that asks for a sweep of this mailbox.
        last_needed: The last day on which there were open conversations, if one is noted.
        created: When the object was made.
        version: Guards a deletion against what has changed since.
        verdict: What its condition Synchronized says.
        deleted: Whether the object is gone.
    """

    name: str
    mailbox: Mailbox
    web_made: bool
    subscription_id: str
    sync_requested: str
    last_needed: date | None
    created: datetime
    version: str
    verdict: Verdict | None = None
    deleted: bool = False


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

    def all(self) -> AsyncIterator[Followed]:
        """Yield all of them."""
        ...

    def changes(self) -> AsyncIterator[Followed]:
        """Yield all of them and then, without end, each one that has changed."""
        ...

    async def report(self, mailbox: Mailbox, verdict: Verdict) -> bool:
        """Write the condition Synchronized, unless it says so already; False if there is no subscription."""
        ...

    async def note_needed(self, followed: Followed, day: date) -> None:
        """Note the last day on which a subscription was needed."""
        ...

    async def remove(self, followed: Followed) -> None:
        """Delete a subscription, unless it has changed since it was read."""
        ...

    async def sweep_request(self) -> str:
        """Return what somebody wrote into the OutlookAddin's annotation that asks for a sweep."""
        ...


class Lease(Protocol):
    """The Lease that one replica at a time holds. Every method raises StoreUnavailable."""

    async def read(self) -> Term | None:
        """Return whose it is, or None if it was never made."""
        ...

    async def write(self, term: Term) -> Term | None:
        """Write a term over the one that was read; None if somebody else was faster."""
        ...


class StoreUnavailable(Exception):  # noqa: N818 - says what happened
    """The Kubernetes API refused or did not answer; the text names no object."""

"""What the watches have shown: a few words per object, for questions that concern more than one object.

It only ever speeds up or groups; what is written follows from objects that were read again.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from sys import intern
from typing import Any

from outlook_addin_core.domain.mailbox import age_of
from outlook_addin_operator.keys import ADDIN, Key, is_deleting, key_of
from outlook_addin_operator.status import find, is_true, parse_time


@dataclass(frozen=True, slots=True)
class SubscriptionEntry:
    """What is remembered of one CalendarSubscription.

    Args:
        mailbox: Tenant and user.
        age: Sorts older objects first.
        notification_url: Where its Graph subscription sends notifications; empty if it has none.
        key_id: Which webhook key that carries; empty if that is not known.
        refused: Whether Entra refused the credentials at the last attempt.
    """

    key: Key
    addin: Key
    mailbox: tuple[str, str]
    age: str
    ready: bool
    failing: bool
    reason: str
    notification_url: str
    expiration: datetime | None
    deleting: bool
    key_id: str
    refused: bool

    @classmethod
    def of(cls, key: Key, body: Mapping[str, Any]) -> "SubscriptionEntry":
        """Take note of an object."""
        spec, status = body["spec"], body.get("status") or {}
        ready = find(status.get("conditions") or (), "Ready")
        credentials = find(status.get("conditions") or (), "CredentialsValid")
        is_ready = ready is not None and ready["status"] == "True"
        return cls(
            key=key,
            addin=_addin_key(key.namespace, spec["addinRef"]["name"]),
            mailbox=(intern(spec["tenantId"]), spec["userId"]),
            age=age_of(body),
            ready=is_ready,
            failing=not spec.get("suspend") and (not is_ready or is_true(body, "RenewalOverdue")),
            reason=intern(ready["reason"]) if ready else "Unknown",
            notification_url=intern(status.get("notificationUrl") or "")
            if status.get("subscriptionId")
            else "",
            expiration=parse_time(status.get("expirationTime")),
            deleting=is_deleting(body),
            key_id=intern(status.get("webhookKeyId") or ""),
            refused=credentials is not None and credentials["reason"] == "CredentialsRefused",
        )


@lru_cache(maxsize=1024)
def _addin_key(namespace: str, name: str) -> Key:
    """Return the same key to all who name the same add-in: one object instead of thousands."""
    return Key(ADDIN, namespace, name)


@dataclass(frozen=True)
class Counts:
    """How many CalendarSubscriptions an OutlookAddin has."""

    total: int
    ready: int
    failing: int


class Inventory:
    """All CalendarSubscriptions by their add-in, and the app registration of every OutlookAddin."""

    def __init__(self) -> None:
        self._subscriptions: dict[Key, dict[Key, SubscriptionEntry]] = {}
        self._addin_of: dict[Key, Key] = {}
        self._by_mailbox: dict[Key, dict[tuple[str, str], tuple[Key, ...]]] = {}
        self._clients: dict[Key, str] = {}

    def put_subscription(self, body: Mapping[str, Any], kind: str) -> SubscriptionEntry:
        """Take note of a CalendarSubscription."""
        entry = SubscriptionEntry.of(key_of(kind, body), body)
        self.drop_subscription(entry.key)
        self._subscriptions.setdefault(entry.addin, {})[entry.key] = entry
        self._addin_of[entry.key] = entry.addin
        mailboxes = self._by_mailbox.setdefault(entry.addin, {})
        mailboxes[entry.mailbox] = (*mailboxes.get(entry.mailbox, ()), entry.key)
        return entry

    def subscriptions(self) -> Collection[Key]:
        """Return the keys of all CalendarSubscriptions."""
        return self._addin_of.keys()

    def subscription(self, key: Key) -> SubscriptionEntry | None:
        """Return what is known of one CalendarSubscription."""
        addin = self._addin_of.get(key)
        return None if addin is None else self._subscriptions[addin].get(key)

    def drop_subscription(self, key: Key) -> SubscriptionEntry | None:
        """Forget a CalendarSubscription that is gone."""
        addin = self._addin_of.pop(key, None)
        if addin is None:
            return None
        entry = self._subscriptions[addin].pop(key)
        if not self._subscriptions[addin]:
            del self._subscriptions[addin]
        mailboxes = self._by_mailbox[addin]
        others = tuple(other for other in mailboxes.pop(entry.mailbox) if other != key)
        if others:
            mailboxes[entry.mailbox] = others
        if not mailboxes:
            del self._by_mailbox[addin]
        return entry

    def siblings(self, key: Key) -> list[SubscriptionEntry]:
        """Return the other CalendarSubscriptions for the same mailbox and add-in, oldest first.

        One that is being deleted counts: it still has its Graph subscription to clean up.
        """
        entry = self.subscription(key)
        if entry is None:
            return []
        keys = self._by_mailbox[entry.addin][entry.mailbox]
        found = [self._subscriptions[entry.addin][other] for other in keys if other != key]
        return sorted(found, key=lambda other: other.age)

    def all_addins(self) -> list[Key]:
        """Return all OutlookAddins."""
        return list(self._clients)

    def of_addin(self, addin: Key) -> list[SubscriptionEntry]:
        """Return all CalendarSubscriptions of an add-in."""
        return list(self._subscriptions.get(addin, {}).values())

    def counts(self, addin: Key) -> Counts:
        """Count the CalendarSubscriptions of an add-in."""
        entries = self._subscriptions.get(addin, {}).values()
        return Counts(
            len(entries), sum(entry.ready for entry in entries), sum(entry.failing for entry in entries)
        )

    def reasons(self) -> Counter[str]:
        """Count all CalendarSubscriptions by the reason of their Ready condition."""
        return Counter(entry.reason for entry in self._all())

    def earliest_expiration(self) -> datetime | None:
        """Return when the first of the live Graph subscriptions ends."""
        return min((entry.expiration for entry in self._all() if entry.expiration), default=None)

    def put_addin(self, key: Key, client_id: str) -> list[Key]:
        """Take note of an OutlookAddin.

        Returns:
            Those who share an app registration with it, now or before the change.
        """
        before = self._clients.get(key)
        self._clients[key] = client_id
        if before == client_id:
            return []
        return [other for other, its in self._clients.items() if other != key and its in {before, client_id}]

    def drop_addin(self, key: Key) -> list[Key]:
        """Forget an OutlookAddin that is gone; returns those who shared its app registration."""
        client_id = self._clients.pop(key, None)
        return [other for other, its in self._clients.items() if its == client_id]

    def sharing(self, key: Key, client_id: str) -> list[Key]:
        """Return the other OutlookAddins with this app registration."""
        return sorted(other for other, its in self._clients.items() if other != key and its == client_id)

    def _all(self) -> Iterator[SubscriptionEntry]:
        for entries in self._subscriptions.values():
            yield from entries.values()

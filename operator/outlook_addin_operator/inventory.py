"""What the watches have shown: a few words per object, for questions that concern more than one object.

It only ever speeds up or groups; what is written follows from objects that were read again.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from sys import intern
from typing import Any, Final

from outlook_addin_core.domain.mailbox import age_of
from outlook_addin_core.domain.resources import ADDIN
from outlook_addin_operator.keys import Key, is_deleting, key_of
from outlook_addin_operator.status import find, parse_time

UNWANTED: Final = frozenset({"AddinNotFound", "Duplicate", "SyncDisabled", "TenantNotAllowed"})
"""Reasons for which there must be no Graph subscription."""


@dataclass(frozen=True, slots=True)
class SubscriptionEntry:
    """What is remembered of one CalendarSubscription.

    Args:
        mailbox: Tenant and user.
        age: Sorts older objects first.
        reason: Of its condition Ready; while it is ready and a renewal fails, why that fails.
        notification_url: Where its Graph subscription sends notifications; empty if it has none.
        key_id: Which webhook key that carries; empty if that is not known.
        refused: Whether Entra refused the credentials at the last attempt.
        wanted: Whether there should be a Graph subscription.
        made: Whether there ever was one.
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
    renewal: datetime | None
    wanted: bool
    made: bool

    @classmethod
    def of(cls, key: Key, body: Mapping[str, Any]) -> "SubscriptionEntry":
        """Take note of an object."""
        spec, status = body["spec"], body.get("status") or {}
        conditions = status.get("conditions") or ()
        ready, overdue = find(conditions, "Ready"), find(conditions, "RenewalOverdue")
        credentials = find(conditions, "CredentialsValid")
        is_ready = ready is not None and ready["status"] == "True"
        is_overdue = overdue is not None and overdue["status"] == "True"
        telling = overdue if is_ready and is_overdue else ready
        reason = intern(telling["reason"]) if telling else "Unknown"
        suspended, deleting = bool(spec.get("suspend")), is_deleting(body)
        return cls(
            key=key,
            addin=_addin_key(key.namespace, spec["addinRef"]["name"]),
            mailbox=(intern(spec["tenantId"]), spec["userId"]),
            age=age_of(body),
            ready=is_ready,
            failing=not suspended and (not is_ready or is_overdue),
            reason=reason,
            notification_url=intern(status.get("notificationUrl") or "")
            if status.get("subscriptionId")
            else "",
            expiration=parse_time(status.get("expirationTime")),
            deleting=deleting,
            key_id=intern(status.get("webhookKeyId") or ""),
            refused=credentials is not None and credentials["reason"] == "CredentialsRefused",
            renewal=parse_time(status.get("renewalTime")),
            wanted=not suspended and not deleting and reason not in UNWANTED,
            made=bool(status.get("lastRenewalTime")),
        )

    def expired(self, now: datetime) -> bool:
        """Tell whether there was a Graph subscription, should be one, and is none."""
        ended = self.made if self.expiration is None else self.expiration <= now
        return self.wanted and ended


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


@dataclass(frozen=True)
class Overview:
    """Everything at a glance.

    Args:
        reasons: CalendarSubscriptions by what is to be said about them.
        expired: How many have lost the Graph subscription that they should have.
        earliest_expiration: When the first Graph subscription ends that should go on.
        earliest_renewal: When the first one is due.
        failing_addins: How many OutlookAddins wait for a person.
    """

    reasons: Mapping[str, int]
    expired: int
    earliest_expiration: datetime | None
    earliest_renewal: datetime | None
    failing_addins: int


class Inventory:
    """All CalendarSubscriptions by their add-in, and the app registration of every OutlookAddin."""

    def __init__(self) -> None:
        self._subscriptions: dict[Key, dict[Key, SubscriptionEntry]] = {}
        self._addin_of: dict[Key, Key] = {}
        self._by_mailbox: dict[Key, dict[tuple[str, str], tuple[Key, ...]]] = {}
        self._clients: dict[Key, str] = {}
        self._failing_addins: set[Key] = set()

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

    def overview(self, now: datetime) -> Overview:
        """Sum up."""
        reasons: Counter[str] = Counter()
        expired, expirations, renewals = 0, [], []
        for entries in self._subscriptions.values():
            for entry in entries.values():
                reasons[entry.reason] += 1
                expired += entry.expired(now)
                if entry.wanted and entry.expiration:
                    expirations.append(entry.expiration)
                if entry.wanted and entry.renewal:
                    renewals.append(entry.renewal)
        return Overview(
            reasons,
            expired,
            earliest_expiration=min(expirations, default=None),
            earliest_renewal=min(renewals, default=None),
            failing_addins=len(self._failing_addins),
        )

    def put_addin(self, key: Key, client_id: str, *, failing: bool = False) -> list[Key]:
        """Take note of an OutlookAddin.

        Args:
            key: Its key.
            client_id: Its app registration.
            failing: Whether it waits for a person.

        Returns:
            Those who share an app registration with it, now or before the change.
        """
        (self._failing_addins.add if failing else self._failing_addins.discard)(key)
        before = self._clients.get(key)
        self._clients[key] = client_id
        if before == client_id:
            return []
        return [other for other, its in self._clients.items() if other != key and its in {before, client_id}]

    def drop_addin(self, key: Key) -> list[Key]:
        """Forget an OutlookAddin that is gone; returns those who shared its app registration."""
        self._failing_addins.discard(key)
        client_id = self._clients.pop(key, None)
        return [other for other, its in self._clients.items() if its == client_id]

    def sharing(self, key: Key, client_id: str) -> list[Key]:
        """Return the other OutlookAddins with this app registration."""
        return sorted(other for other, its in self._clients.items() if other != key and its == client_id)

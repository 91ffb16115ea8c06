"""Subscriptions and the rules by which Graph makes, prolongs and forgets them."""

import re
from collections.abc import Iterator, Mapping, ValuesView
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from outlook_addin_sandbox.graph.access import Caller
from outlook_addin_sandbox.graph.errors import GraphError, bad_request, subscription_not_found
from outlook_addin_sandbox.graph.faults import GraphFaults
from outlook_addin_sandbox.graph.zones import moment, stamp
from outlook_addin_sandbox.loopback import is_loopback
from outlook_addin_sandbox.serving import Clock

CLIENT_STATE_LIMIT = 128
CHANGE_TYPES = frozenset({"created", "updated", "deleted"})
REQUIRED = ("changeType", "notificationUrl", "resource", "expirationDateTime")
_RESOURCE = re.compile(
    r"/?users/(?:AAD-UPN:)?(?P<user>[^/]+)(?:/calendars/(?P<calendar>[^/]+))?/events", re.IGNORECASE
)


@dataclass
class Subscription:
    """One application's wish to be told about the events of one mailbox."""

    id: str
    application_id: str
    tenant_id: str
    creator_id: str
    change_type: str
    resource: str
    user_id: str
    """Object id of the mailbox's owner."""
    calendar_id: str | None
    """One calendar only, where the resource says so."""
    notification_url: str
    lifecycle_url: str | None
    client_state: str | None
    expiration: datetime
    immutable_ids: bool
    tls_version: str = "v1_2"
    renewed: datetime | None = None
    reauthorized: datetime | None = None
    is_broken: bool = False
    """Renewed and reauthorized too close to each other: it delivers nothing any more."""
    history: list[datetime] = field(default_factory=list)
    """Every expiration that it was granted."""

    @property
    def change_types(self) -> frozenset[str]:
        """Kinds of changes that it announces."""
        return frozenset(each.strip().lower() for each in self.change_type.split(","))

    def as_json(self, *, hide_client_state: bool = False) -> dict[str, Any]:
        """Return the resource as Graph shows it; lists hide the client state."""
        return {
            "id": self.id,
            "resource": self.resource,
            "applicationId": self.application_id,
            "changeType": self.change_type,
            "clientState": None if hide_client_state else self.client_state,
            "notificationUrl": self.notification_url,
            "notificationQueryOptions": None,
            "notificationContentType": None,
            "lifecycleNotificationUrl": self.lifecycle_url,
            "expirationDateTime": stamp(self.expiration),
            "creatorId": self.creator_id,
            "includeResourceData": None,
            "latestSupportedTlsVersion": self.tls_version,
            "encryptionCertificate": None,
            "encryptionCertificateId": None,
            "notificationUrlAppId": None,
        }


class SubscriptionStore(Mapping[str, Subscription]):
    """Live subscriptions by id; expired ones are gone.

    What one request asks for costs the same with one subscription and with fifty thousand.

    Args:
        faults: limits and switches.
        now: the clock of expiry.
    """

    def __init__(self, faults: GraphFaults, now: Clock) -> None:
        self._faults = faults
        self._now = now
        self._all: dict[str, Subscription] = {}
        self._of_user: dict[str, dict[str, None]] = {}

    def __getitem__(self, key: str) -> Subscription:
        subscription = self._all[key]
        if subscription.expiration <= self._now():
            self.remove(key)
            raise KeyError(key)
        return subscription

    def __iter__(self) -> Iterator[str]:
        return iter(self._live())

    def __len__(self) -> int:
        return len(self._live())

    def values(self) -> ValuesView[Subscription]:
        """Return all as they are now; one that expires while they are looked through is still among them."""
        return self._live().values()

    def add(self, subscription: Subscription) -> None:
        """Keep a new subscription."""
        self._all[subscription.id] = subscription
        self._of_user.setdefault(subscription.user_id, {})[subscription.id] = None

    def remove(self, subscription_id: str) -> None:
        """Forget a subscription, as Graph does on its own account at times."""
        subscription = self._all.pop(subscription_id, None)
        if subscription is not None:
            self._of_user[subscription.user_id].pop(subscription_id, None)

    def of_user(self, user_id: str) -> list[Subscription]:
        """Return the subscriptions for one mailbox, over all applications, oldest first."""
        found = [self.get(each) for each in list(self._of_user.get(user_id, ()))]
        return [each for each in found if each is not None]

    def owned(self, caller: Caller) -> list[Subscription]:
        """Return what the calling application made in its tenant, oldest first."""
        owner = (caller.client_id, caller.tenant_id)
        return [each for each in self.values() if (each.application_id, each.tenant_id) == owner]

    def get_owned(self, caller: Caller, subscription_id: str) -> Subscription:
        """Return one subscription of the caller; 404 ResourceNotFound otherwise."""
        found = self.get(subscription_id)
        if found is None or (found.application_id, found.tenant_id) != (caller.client_id, caller.tenant_id):
            raise subscription_not_found()
        return found

    def check_unique(self, new: Subscription) -> None:
        """Raise 409 with the id of a subscription for the same changes of the same resource."""
        for each in self.of_user(new.user_id):
            if _identity(each) == _identity(new):
                named = each.id if self._faults.conflict_names_id else "(unknown)"
                message = f"Subscription Id {named} already exists for the requested combination"
                raise GraphError(409, "ObjectIdentifierInUse", message)

    def check_quota(self, new: Subscription) -> None:
        """Raise 403 when the mailbox has all the subscriptions that it may have."""
        quota = self._faults.subscription_quota
        if len(self.of_user(new.user_id)) >= quota:
            message = f"Subscription quota exceeded: {quota} active subscriptions per mailbox."
            raise GraphError(403, "ExtensionError", message)

    def grant(self, wanted: str) -> datetime:
        """Return the expiration that a request gets: raised to the minimum, refused beyond the maximum."""
        now, time = self._now(), moment(wanted)
        if time - now > timedelta(seconds=self._faults.maximum_lifetime):
            minutes = int(self._faults.maximum_lifetime // 60)
            message = f"Subscription expiration can only be {minutes} minutes in the future."
            raise bad_request(message, "ExtensionError")
        return max(time, now + timedelta(seconds=self._faults.minimum_lifetime))

    def _live(self) -> dict[str, Subscription]:
        now = self._now()
        return {each.id: each for each in self._all.values() if each.expiration > now}


def parse_resource(resource: str) -> tuple[str, str | None]:
    """Return the user and the calendar that a resource names; 400 for what Outlook does not announce."""
    match = _RESOURCE.fullmatch(resource.partition("?")[0])
    if match is None:
        raise bad_request(f"The value '{resource}' of parameter 'Resource' is not supported.")
    return match["user"], match["calendar"]


def from_request(
    body: Mapping[str, Any], caller: Caller, user_id: str, expiration: datetime, *, immutable_ids: bool
) -> Subscription:
    """Return the subscription that a checked body asks for."""
    return Subscription(
        id=str(uuid4()),
        application_id=caller.client_id,
        tenant_id=caller.tenant_id,
        creator_id=caller.client_id,
        change_type=body["changeType"],
        resource=body["resource"],
        user_id=user_id,
        calendar_id=parse_resource(body["resource"])[1],
        notification_url=body["notificationUrl"],
        lifecycle_url=body.get("lifecycleNotificationUrl"),
        client_state=body.get("clientState"),
        expiration=expiration,
        immutable_ids=immutable_ids,
        tls_version=body.get("latestSupportedTlsVersion") or "v1_2",
        history=[expiration],
    )


def check_body(body: Mapping[str, Any], *, allow_http_localhost: bool) -> None:
    """Raise 400 for a body that Graph would not accept."""
    for name in REQUIRED:
        if not isinstance(body.get(name), str) or not body[name]:
            raise bad_request(f"Property '{name}' is required.")
    changes = {each.strip().lower() for each in body["changeType"].split(",")}
    if not changes <= CHANGE_TYPES:
        raise bad_request(f"The change type '{body['changeType']}' is not supported.")
    if len(body.get("clientState") or "") > CLIENT_STATE_LIMIT:
        raise bad_request(f"Property 'clientState' is longer than {CLIENT_STATE_LIMIT} characters.")
    for name in ("notificationUrl", "lifecycleNotificationUrl"):
        if body.get(name):
            check_url(body[name], allow_http_localhost=allow_http_localhost)


def check_url(url: str, *, allow_http_localhost: bool) -> None:
    """Raise 400 for a notification URL that is not https."""
    parts = urlsplit(url)
    is_local = allow_http_localhost and is_loopback(parts.hostname or "")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_local):
        raise bad_request(f"The notification URL '{url}' must be a valid https URL.")


def _identity(subscription: Subscription) -> tuple[str, str, str, frozenset[str]]:
    resource = subscription.resource.lstrip("/").lower()
    return subscription.application_id, subscription.tenant_id, resource, subscription.change_types

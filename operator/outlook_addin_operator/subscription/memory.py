"""What a CalendarSubscription's status remembers: the operator has no other memory."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self

from outlook_addin_operator.status import format_time, parse_time


@dataclass(frozen=True)
class Memory:
    """The fields of a status beside its conditions.

    Args:
        expiration: When the Graph subscription ends, as granted.
        failures: Attempts that failed since the last success.
        key_id: Which webhook key it carries; None if that was not written down yet.
    """

    subscription_id: str | None = None
    resource: str | None = None
    notification_url: str | None = None
    expiration: datetime | None = None
    renewal: datetime | None = None
    last_renewal: datetime | None = None
    failures: int = 0
    next_attempt: datetime | None = None
    handled_request: str | None = None
    key_id: str | None = None

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Self:
        """Read a status."""
        status = body.get("status") or {}
        return cls(
            subscription_id=status.get("subscriptionId"),
            resource=status.get("resource"),
            notification_url=status.get("notificationUrl"),
            expiration=parse_time(status.get("expirationTime")),
            renewal=parse_time(status.get("renewalTime")),
            last_renewal=parse_time(status.get("lastRenewalTime")),
            failures=status.get("failedRenewals") or 0,
            next_attempt=parse_time(status.get("nextAttemptTime")),
            handled_request=status.get("handledRenewRequest"),
            key_id=status.get("webhookKeyId"),
        )

    def live(self, now: datetime) -> bool:
        """Tell whether there is a Graph subscription that has not ended."""
        return self.subscription_id is not None and self.expiration is not None and self.expiration > now

    def without_subscription(self) -> "Memory":
        """Return what stays when the Graph subscription is gone."""
        return replace(
            self,
            subscription_id=None,
            resource=None,
            notification_url=None,
            expiration=None,
            renewal=None,
            key_id=None,
        )

    def without_failures(self) -> "Memory":
        """Return what stays after a success, or when nothing is attempted any more."""
        return replace(self, failures=0, next_attempt=None)

    def render(self) -> dict[str, Any]:
        """Return the fields as they stand in a status; what is unknown is left out."""
        fields = {
            "subscriptionId": self.subscription_id,
            "resource": self.resource,
            "notificationUrl": self.notification_url,
            "expirationTime": self.expiration and format_time(self.expiration),
            "renewalTime": self.renewal and format_time(self.renewal),
            "lastRenewalTime": self.last_renewal and format_time(self.last_renewal),
            "failedRenewals": self.failures,
            "nextAttemptTime": self.next_attempt and format_time(self.next_attempt),
            "handledRenewRequest": self.handled_request,
            "webhookKeyId": self.key_id,
        }
        return {key: value for key, value in fields.items() if value is not None}

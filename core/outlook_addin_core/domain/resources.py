"""What our two kinds are called in Kubernetes, and the marks that people and processes leave on them."""

from typing import Any, Final

from outlook_addin_core.domain.mailbox import Mailbox, subscription_name

GROUP: Final = "outlook-addin.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"

ADDIN: Final = "OutlookAddin"
ADDINS: Final = "outlookaddins"
SUBSCRIPTION: Final = "CalendarSubscription"
SUBSCRIPTIONS: Final = "calendarsubscriptions"

LEASE: Final = "outlook-addin-operator"
"""The name of the Lease that the working operator holds."""
MANAGED_BY: Final = "app.kubernetes.io/managed-by"
WEB_MANAGER: Final = "outlook-addin-web"
"""Who manages the CalendarSubscriptions that the web server makes."""

FINALIZER: Final = f"{GROUP}/cleanup"
"""Holds an object until the operator has removed what was made for it."""
RENEW_REQUESTED: Final = f"{GROUP}/renew-requested"
"""On a CalendarSubscription: a new value has it renewed now; its status names the last one carried out."""
SYNC_REQUESTED: Final = f"{GROUP}/sync-requested"
"""On either kind: a new value has open conversations compared now."""
LAST_NEEDED: Final = f"{GROUP}/last-needed"
"""On a CalendarSubscription: the day on which its mailbox last had an open conversation."""


def calendar_subscription(addin: str, mailbox: Mailbox, address: str | None) -> dict[str, Any]:
    """Return the object that follows a mailbox, without a namespace; the address is for people only."""
    spec: dict[str, Any] = {
        "addinRef": {"name": addin},
        "tenantId": mailbox.tenant_id,
        "userId": mailbox.user_id,
    }
    if address is not None:
        spec["mailbox"] = address
    metadata = {"name": subscription_name(addin, mailbox)}
    return {"apiVersion": API_VERSION, "kind": SUBSCRIPTION, "metadata": metadata, "spec": spec}

"""Reasons why a mailbox must not have a Graph subscription. Pure; the first that holds counts."""

from collections.abc import Callable
from dataclasses import dataclass

from outlook_addin_operator.subscription.observed import Observed


@dataclass(frozen=True)
class Blocker:
    """One such reason.

    Args:
        leave: Whether a subscription that exists is left as it is.
        forget: Whether a subscription that exists belongs to another object.
    """

    reason: str
    message: str
    leave: bool = False
    forget: bool = False


def blocker(observed: Observed) -> Blocker | None:
    """Return the first reason that holds."""
    return next((found for check in _CHECKS if (found := check(observed))), None)


def _addin_not_found(observed: Observed) -> Blocker | None:
    if observed.invalid is not None:
        return None
    name = observed.body["spec"]["addinRef"]["name"]
    if observed.addin is None:
        return Blocker("AddinNotFound", f"OutlookAddin {name} does not exist in this namespace; create it.")
    if observed.addin.deleting:
        return Blocker("AddinNotFound", f"OutlookAddin {name} is being deleted.")
    return None


def _addin_invalid(observed: Observed) -> Blocker | None:
    if observed.invalid is None:
        return None
    return Blocker("InvalidAddin", f"The OutlookAddin cannot be used: {observed.invalid}.", leave=True)


def _sync_disabled(observed: Observed) -> Blocker | None:
    if observed.required_addin.sync_enabled:
        return None
    message = "Synchronisation is off; set spec.syncServer.enabled of the OutlookAddin to true."
    return Blocker("SyncDisabled", message)


def _tenant_not_allowed(observed: Observed) -> Blocker | None:
    if observed.mailbox.tenant_id in observed.required_addin.config.tenant_ids:
        return None
    return Blocker(
        "TenantNotAllowed", "spec.tenantIds of the OutlookAddin does not list this tenant; add it."
    )


def _duplicate(observed: Observed) -> Blocker | None:
    if observed.older is None:
        return None
    message = f"CalendarSubscription {observed.older} serves the same mailbox and is older; delete this one."
    return Blocker("Duplicate", message, forget=True)


_CHECKS: tuple[Callable[[Observed], Blocker | None], ...] = (
    _addin_not_found,
    _addin_invalid,  # what the spec means is unknown: leave everything as it is
    _sync_disabled,
    _tenant_not_allowed,
    _duplicate,
)

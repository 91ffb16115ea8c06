"""When a CalendarSubscription has to be looked at, told from the object alone."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from outlook_addin_core.domain.renewal import pause_end
from outlook_addin_core.domain.resources import RENEW_REQUESTED
from outlook_addin_operator.keys import has_finalizer, is_deleting
from outlook_addin_operator.status import parse_time


def due_time(body: Mapping[str, Any], now: datetime) -> datetime | None:
    """Return when the object is due; None if nothing but an event of its own makes it so.

    A changed spec and a request to renew end a pause after failures; what is neither failing nor subscribed
    is looked at now.
    """
    if is_deleting(body):
        return now if has_finalizer(body) else None
    status = body.get("status") or {}
    if status.get("observedGeneration") != body["metadata"]["generation"] or _is_requested(body, status):
        return now
    if status.get("failedRenewals"):
        return pause_end(parse_time(status.get("nextAttemptTime")), now) or now
    if not status.get("subscriptionId"):
        return now
    return parse_time(status.get("renewalTime")) or now


def renew_request(body: Mapping[str, Any]) -> str | None:
    """Return the token by which somebody asks for a renewal, if it has not been carried out."""
    token: str | None = (body["metadata"].get("annotations") or {}).get(RENEW_REQUESTED)
    handled = (body.get("status") or {}).get("handledRenewRequest")
    return token[:256] if token and token[:256] != handled else None


def _is_requested(body: Mapping[str, Any], status: Mapping[str, Any]) -> bool:
    return renew_request(body) is not None and not status.get("failedRenewals")

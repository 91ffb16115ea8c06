"""CalendarSubscriptions as the web server writes and reads them. Pure."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from outlook_addin_core.domain.mailbox import Mailbox
from outlook_addin_core.domain.resources import (
    LAST_NEEDED,
    MANAGED_BY,
    SYNC_REQUESTED,
    WEB_MANAGER,
    calendar_subscription,
)
from outlook_addin_web.ports import Followed, SubscriptionState
from outlook_addin_web.verdicts import CONDITION, Verdict


def manifest(addin: str, namespace: str, mailbox: Mailbox, address: str | None) -> dict[str, Any]:
    """Return the object that follows a mailbox for the agent who uses the add-in."""
    body = calendar_subscription(addin, mailbox, address)
    labels = {MANAGED_BY: WEB_MANAGER, "app.kubernetes.io/instance": addin}
    body["metadata"] |= {"namespace": namespace, "labels": labels}
    return body


def serves(found: Mapping[str, Any], addin: str, mailbox: Mailbox) -> bool:
    """Tell whether an object follows the mailbox, as far as the operator has looked at it.

    An older one may serve the same mailbox; the operator says so.
    """
    spec = found["spec"]
    is_meant = spec["addinRef"]["name"] == addin and mailbox_of(found) == mailbox
    return is_meant and _condition(found, "Ready").get("reason") != "Duplicate"


def mailbox_of(found: Mapping[str, Any]) -> Mailbox:
    """Return whose calendar an object follows."""
    return Mailbox(found["spec"]["tenantId"], found["spec"]["userId"])


def state_of(found: Mapping[str, Any]) -> SubscriptionState:
    """Return what the pane shows."""
    ready, name = _condition(found, "Ready"), found["metadata"]["name"]
    expiration = _status(found).get("expirationTime")
    return SubscriptionState(
        name, ready.get("status") == "True", ready.get("reason") or "Pending", expiration
    )


def followed_of(found: Mapping[str, Any], *, deleted: bool = False) -> Followed:
    """Return what the sweep needs."""
    metadata = found["metadata"]
    annotations: Mapping[str, str] = metadata.get("annotations") or {}
    return Followed(
        name=metadata["name"],
        mailbox=mailbox_of(found),
        web_made=(metadata.get("labels") or {}).get(MANAGED_BY) == WEB_MANAGER,
        subscription_id=_status(found).get("subscriptionId") or "",
        sync_requested=annotations.get(SYNC_REQUESTED, ""),
        last_needed=_day(annotations.get(LAST_NEEDED)),
        created=_moment(metadata.get("creationTimestamp")),
        version=metadata.get("resourceVersion") or "",
        verdict=verdict_of(found),
        deleted=deleted,
    )


def verdict_of(found: Mapping[str, Any]) -> Verdict | None:
    """Return what the condition Synchronized says, if there is one."""
    known = _condition(found, CONDITION)
    if not known:
        return None
    return Verdict(known.get("status") == "True", known.get("reason") or "", known.get("message") or "")


def condition(found: Mapping[str, Any], verdict: Verdict, now: datetime) -> dict[str, Any]:
    """Return the condition; its time is that of the last change between True and False."""
    known, status = _condition(found, CONDITION), str(verdict.synchronized)
    moment = f"{now.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat()}Z"
    return {
        "type": CONDITION,
        "status": status,
        "observedGeneration": found["metadata"].get("generation", 1),
        "lastTransitionTime": known["lastTransitionTime"] if known.get("status") == status else moment,
        "reason": verdict.reason,
        "message": verdict.message,
    }


def _status(found: Mapping[str, Any]) -> Mapping[str, Any]:
    return found.get("status") or {}


def _condition(found: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    conditions: list[dict[str, Any]] = _status(found).get("conditions") or []
    return next((each for each in conditions if each.get("type") == kind), {})


def _day(text: str | None) -> date | None:
    """Read a date; what people have written instead of one counts as none."""
    try:
        return date.fromisoformat(text or "")
    except ValueError:
        return None


def _moment(value: Any) -> datetime:
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    return value if isinstance(value, datetime) else datetime.fromtimestamp(0, UTC)

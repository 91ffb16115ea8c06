"""`kubectl outlook subscriptions`: CalendarSubscriptions, those that end first on top. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from outlook_addin_kubectl.health import condition, findings
from outlook_addin_kubectl.text import NONE, relative, table

HEAD: Final = ("NAME", "READY", "REASON", "MAILBOX", "EXPIRES", "RENEWS", "SYNCHRONIZED")


def needs_attention(body: Mapping[str, Any], now: datetime) -> bool:
    """Tell whether there is something about it that stays as it is until somebody acts."""
    return any(finding.urgent for finding in findings(body, now))


def listing(bodies: Iterable[Mapping[str, Any]], now: datetime, *, with_namespace: bool) -> str:
    """Return the table; what has no Graph subscription comes first. Nothing if there are none."""
    rows = sorted((_order(body), _row(body, now, with_namespace=with_namespace)) for body in bodies)
    head = ("NAMESPACE", *HEAD) if with_namespace else HEAD
    return table(head, [row for _, row in rows]) if rows else ""


def _order(body: Mapping[str, Any]) -> tuple[str, str, str]:
    metadata, status = body["metadata"], body.get("status") or {}
    return status.get("expirationTime") or "", metadata["namespace"], metadata["name"]


def _row(body: Mapping[str, Any], now: datetime, *, with_namespace: bool) -> tuple[str, ...]:
    metadata, status = body["metadata"], body.get("status") or {}
    ready, synchronized = condition(body, "Ready"), condition(body, "Synchronized")
    return (
        *((metadata["namespace"],) if with_namespace else ()),
        metadata["name"],
        ready.get("status") or "Unknown",
        _reason(body, now) or ready.get("reason") or NONE,
        body["spec"].get("mailbox") or NONE,
        relative(status.get("expirationTime"), now),
        relative(status.get("renewalTime"), now),
        synchronized.get("reason") or NONE,
    )


def _reason(body: Mapping[str, Any], now: datetime) -> str | None:
    """Return the first thing that is not well, apart from the column of its own."""
    apart = condition(body, "Synchronized").get("reason")
    return next((each.reason for each in findings(body, now) if each.reason != apart), None)

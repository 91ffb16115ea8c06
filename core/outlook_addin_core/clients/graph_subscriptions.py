"""Graph's change notification subscriptions (learn.microsoft.com/graph/api/resources/subscription)."""

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import httpx2

from outlook_addin_core.clients.errors import Conflict, NotFound, ServerError
from outlook_addin_core.clients.graph import Graph
from outlook_addin_core.clients.http import Observer, TokenProvider, read_object, unobserved
from outlook_addin_core.domain.mailbox import Mailbox

CHANGE_TYPE: Final = "created,updated,deleted"
"""In a fixed order: whether Graph sees the same set in another order as a duplicate is not documented."""

_EXISTING = re.compile(r"Subscription Id ([0-9a-f-]{36})", re.IGNORECASE)


@dataclass(frozen=True)
class Subscription:
    """A subscription as Graph granted it.

    Args:
        expiration: In UTC; what was granted, not what was asked for.
        notification_url: Empty if Graph did not say it.
    """

    id: str
    resource: str
    expiration: datetime
    notification_url: str
    change_type: str

    @classmethod
    def from_graph(cls, json: Mapping[str, Any]) -> Self:
        """Read Graph's resource. Raises ValueError if it has no id or no expiration."""
        expiration = datetime.fromisoformat(str(json.get("expirationDateTime")))
        if not json.get("id") or expiration.tzinfo is None:
            raise ValueError("the subscription has no id or no expiration")
        return cls(
            id=str(json["id"]),
            resource=str(json.get("resource") or "").lstrip("/"),
            expiration=expiration.astimezone(UTC),
            notification_url=str(json.get("notificationUrl") or ""),
            change_type=str(json.get("changeType") or ""),
        )

    def notifies(self, url: str) -> bool:
        """Tell whether notifications go to a URL, which Graph may spell otherwise than we did."""
        return _place(self.notification_url) == _place(url)


class GraphSubscriptions:
    """The subscriptions of one app registration in one tenant.

    Every method raises the ClientError that fits; a validation that failed at our own endpoint is Rejected
    (400).
    """

    def __init__(
        self, client: httpx2.AsyncClient, token_source: TokenProvider, *, observe: Observer = unobserved
    ) -> None:
        self._graph = Graph(client, token_source, observe=observe)

    async def create(
        self,
        mailbox: Mailbox,
        *,
        notification_url: str,
        lifecycle_url: str,
        client_state: str,
        expiration: datetime,
    ) -> Subscription:
        """Subscribe to a mailbox's events; Graph validates both URLs before it answers.

        Raises:
            Conflict: There is one for this mailbox already; ``existing_id`` is its id if Graph said it.
            ClientError: As for every method.
        """
        body = {
            "changeType": CHANGE_TYPE,
            "notificationUrl": notification_url,
            "lifecycleNotificationUrl": lifecycle_url,
            "resource": mailbox.resource,
            "expirationDateTime": _timestamp(expiration),
            "clientState": client_state,
        }
        try:
            return await self._one("POST", "/subscriptions", "graph.subscriptions.create", body)
        except Conflict as error:
            match = _EXISTING.search(error.excerpt)
            error.existing_id = match[1].lower() if match else None
            raise

    async def renew(self, subscription_id: str, expiration: datetime) -> Subscription:
        """Ask for a later expiration; NotFound means that it is gone and has to be created anew."""
        body = {"expirationDateTime": _timestamp(expiration)}
        return await self._one("PATCH", _path(subscription_id), "graph.subscriptions.renew", body)

    async def set_notification_url(self, subscription_id: str, url: str) -> Subscription:
        """Send notifications elsewhere; the lifecycle URL cannot be changed."""
        body = {"notificationUrl": url}
        return await self._one("PATCH", _path(subscription_id), "graph.subscriptions.move", body)

    async def get(self, subscription_id: str) -> Subscription:
        """Read one subscription."""
        return await self._one("GET", _path(subscription_id), "graph.subscriptions.get")

    async def delete(self, subscription_id: str) -> None:
        """Remove a subscription; one that does not exist any more is as good."""
        try:
            await self._graph.send("DELETE", _path(subscription_id), operation="graph.subscriptions.delete")
        except NotFound:
            return

    async def list(self) -> AsyncIterator[Subscription]:
        """Yield the app's subscriptions in this tenant.

        Graph allows very few of these calls (25 in 20 s per tenant), and has been seen to answer with
        nothing: an empty list proves nothing.
        """
        operation = "graph.subscriptions.list"
        async for item in self._graph.pages("/subscriptions", operation=operation):
            yield _read(item, operation)

    async def _one(self, method: str, path: str, operation: str, body: Any = None) -> Subscription:
        response = await self._graph.send(method, path, operation=operation, json=body)
        return _read(read_object(response, operation), operation)


def _place(url: str) -> tuple[object, ...]:
    """Return what two spellings of a URL have in common."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return (url,)
    return parts.scheme, parts.hostname, port, unquote(parts.path), parse_qsl(parts.query)


def _path(subscription_id: str) -> str:
    return f"/subscriptions/{quote(subscription_id, safe='')}"


def _read(json: Mapping[str, Any], operation: str) -> Subscription:
    try:
        return Subscription.from_graph(json)
    except (ValueError, OverflowError) as error:
        raise ServerError(str(error), operation=operation) from error


def _timestamp(moment: datetime) -> str:
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"

"""What Graph posts to the notification and lifecycle URLs, reduced to what the product uses."""

from typing import NamedTuple

import msgspec


class MalformedBody(ValueError):  # noqa: N818 - says what it is
    """The body is not JSON of the form ``{"value": [...]}``."""


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """One item of a delivery; exactly one of change type and lifecycle event is set.

    Unknown change types and lifecycle events pass through as they are: Graph announces that there will be
    more.
    """

    subscription_id: str
    tenant_id: str
    client_state: str
    change_type: str | None = None
    lifecycle_event: str | None = None
    event_id: str | None = None


class Delivery(NamedTuple):
    """One request from Graph.

    Args:
        items: What could be read.
        malformed: How many items could not.
    """

    items: list[Notification]
    malformed: int


class _Body(msgspec.Struct):
    value: list[msgspec.Raw]


class _ResourceData(msgspec.Struct):
    id: str | None = None


class _Item(msgspec.Struct, rename="camel"):
    subscription_id: str
    tenant_id: str = ""
    client_state: str | None = None
    change_type: str | None = None
    lifecycle_event: str | None = None
    resource_data: _ResourceData | None = None


def decode(body: bytes) -> Delivery:
    """Read a delivery; items that are not notifications are counted and do not hurt their neighbours.

    Raises:
        MalformedBody: The body as a whole is something else.
    """
    try:
        items = msgspec.json.decode(body, type=_Body).value
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedBody('the body is not JSON of the form {"value": [...]}') from error
    notifications = [each for each in map(_notification, items) if each is not None]
    return Delivery(notifications, len(items) - len(notifications))


def _notification(raw: msgspec.Raw) -> Notification | None:
    try:
        item = msgspec.json.decode(raw, type=_Item)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if (item.change_type is None) == (item.lifecycle_event is None):
        return None
    return Notification(
        subscription_id=item.subscription_id,
        tenant_id=item.tenant_id.lower(),
        client_state=item.client_state or "",
        change_type=item.change_type,
        lifecycle_event=item.lifecycle_event,
        event_id=item.resource_data.id if item.resource_data else None,
    )

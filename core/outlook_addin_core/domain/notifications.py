"""What Graph posts to the notification and lifecycle URLs, reduced to what the product uses."""

from typing import Final, NamedTuple, TypeVar

import msgspec


class MalformedBody(ValueError):  # noqa: N818 - says what it is
    """The body is not JSON of the form ``{"value": [...]}``."""


class TooManyItems(ValueError):  # noqa: N818 - says what it is
    """There are more items than may be; none of them was looked at."""


class ResourceData(msgspec.Struct, frozen=True):
    """What a change is about; of its type and etag nothing is used."""

    id: str | None = None


class Notification(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One item of a delivery; exactly one of change type and lifecycle event is set.

    Unknown change types and lifecycle events pass through as they are: Graph announces that there will be
    more.
    """

    subscription_id: str
    tenant_id: str = ""
    client_state: str | None = None
    change_type: str | None = None
    lifecycle_event: str | None = None
    resource_data: ResourceData | None = None

    def __post_init__(self) -> None:
        if (self.change_type is None) == (self.lifecycle_event is None):
            raise ValueError("exactly one of changeType and lifecycleEvent must be there")

    @property
    def event_id(self) -> str | None:
        """The event's id in Graph; lifecycle events have none."""
        return self.resource_data.id if self.resource_data else None


class Delivery(NamedTuple):
    """One request from Graph.

    Args:
        items: What could be read.
        malformed: How many items could not.
    """

    items: list[Notification]
    malformed: int


class _Body(msgspec.Struct):
    value: list[Notification]


class _RawBody(msgspec.Struct):
    value: list[msgspec.Raw]


_AnyItem = TypeVar("_AnyItem", Notification, msgspec.Raw)
_NOT_JSON: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_all_at_once: Final = msgspec.json.Decoder(_Body)
_item_by_item: Final = msgspec.json.Decoder(_RawBody)
_item: Final = msgspec.json.Decoder(Notification)


def decode(body: bytes, most: int) -> Delivery:
    """Read a delivery; items that are not notifications are counted and do not hurt their neighbours.

    Raises:
        MalformedBody: The body as a whole is something else.
        TooManyItems: There are more than ``most``.
    """
    try:
        items = _counted(_all_at_once.decode(body).value, most)
    except _NOT_JSON:
        return _good_ones(body, most)
    return Delivery(items, 0)


def _good_ones(body: bytes, most: int) -> Delivery:
    try:
        items = _counted(_item_by_item.decode(body).value, most)
    except _NOT_JSON as error:
        raise MalformedBody('the body is not JSON of the form {"value": [...]}') from error
    notifications = [each for each in map(_notification, items) if each is not None]
    return Delivery(notifications, len(items) - len(notifications))


def _counted(items: list[_AnyItem], most: int) -> list[_AnyItem]:
    if len(items) > most:
        raise TooManyItems(f"more than {most} items")
    return items


def _notification(raw: msgspec.Raw) -> Notification | None:
    try:
        return _item.decode(raw)
    except _NOT_JSON:
        return None

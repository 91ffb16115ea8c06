"""From a change in a mailbox to the items that each subscription gets."""

from collections.abc import Iterable
from typing import Any
from uuid import uuid4

from outlook_addin_sandbox.graph.delivery import Courier
from outlook_addin_sandbox.graph.events import SimEvent
from outlook_addin_sandbox.graph.faults import GraphFaults
from outlook_addin_sandbox.graph.mailbox import Change, ChangeKind
from outlook_addin_sandbox.graph.rendering import etag, event_id, resource_path
from outlook_addin_sandbox.graph.subscriptions import Subscription, SubscriptionStore
from outlook_addin_sandbox.graph.zones import stamp

Item = dict[str, Any]


class Announcer:
    """Tells every subscription what concerns it.

    Args:
        subscriptions: who wants to know.
        courier: delivers.
        faults: which changes are told, and how often.
    """

    def __init__(self, subscriptions: SubscriptionStore, courier: Courier, faults: GraphFaults) -> None:
        self._subscriptions = subscriptions
        self._courier = courier
        self._faults = faults

    def announce(self, change: Change) -> None:
        """Send what follows from one change."""
        if change.only_custom_properties and not self._faults.custom_property_notifies:
            return
        for subscription in self._concerned(change):
            for kind, event in self._told(subscription, change):
                if kind.value in subscription.change_types:
                    item = _change_item(subscription, change, kind, event)
                    self._courier.send(subscription.notification_url, item)

    def lifecycle(self, subscription: Subscription, event: str) -> None:
        """Send a lifecycle notification where the subscription wants them."""
        if subscription.lifecycle_url is not None:
            mixed = self._faults.mix_lifecycle
            url = subscription.notification_url if mixed else subscription.lifecycle_url
            self._courier.send(url, {**_common(subscription), "lifecycleEvent": event})

    def forged(self, subscription: Subscription, client_state: str, event_id_: str) -> None:
        """Send a change notification that somebody else made up."""
        path = f"Users/{subscription.user_id}/Events/{event_id_}"
        data = {"@odata.type": "#Microsoft.Graph.Event", "@odata.id": path, "id": event_id_}
        item = {**_common(subscription), "clientState": client_state, "changeType": "deleted"}
        self._courier.send(subscription.notification_url, {**item, "resource": path, "resourceData": data})

    def _concerned(self, change: Change) -> Iterable[Subscription]:
        return [each for each in self._subscriptions.of_user(change.mailbox.user_id) if not each.is_broken]

    def _told(self, subscription: Subscription, change: Change) -> list[tuple[ChangeKind, SimEvent]]:
        """A move shows as a deletion or a creation to whoever watches one calendar, or default ids."""
        before = change.before or change.event
        was, stays = (
            self._covers(subscription, change, before),
            self._covers(subscription, change, change.event),
        )
        kind = change.kind
        if kind is ChangeKind.UPDATED and (was != stays or _has_new_id(subscription, change)):
            gone = [(ChangeKind.DELETED, before)] if was else []
            return gone + ([(ChangeKind.CREATED, change.event)] if stays else [])
        if not stays:
            return []
        if kind is ChangeKind.CREATED:
            return self._creation(change)
        return [(kind, before if kind is ChangeKind.DELETED else change.event)]

    def _creation(self, change: Change) -> list[tuple[ChangeKind, SimEvent]]:
        if change.before is not None and not self._faults.restore_notifies_created:
            return [(ChangeKind.UPDATED, change.event)]
        pair = [(ChangeKind.UPDATED, change.event)] if self._faults.created_updated_pairs else []
        return [(ChangeKind.CREATED, change.event), *pair]

    def _covers(self, subscription: Subscription, change: Change, event: SimEvent) -> bool:
        if subscription.calendar_id is not None:
            return event.calendar_id == subscription.calendar_id
        return self._faults.covers_all_calendars or event.calendar_id == change.mailbox.default_calendar.id


def _has_new_id(subscription: Subscription, change: Change) -> bool:
    return (
        not subscription.immutable_ids and change.before is not None and change.before.id != change.event.id
    )


def _common(subscription: Subscription) -> Item:
    return {
        "id": str(uuid4()),
        "subscriptionId": subscription.id,
        "subscriptionExpirationDateTime": stamp(subscription.expiration),
        "clientState": subscription.client_state,
        "tenantId": subscription.tenant_id,
    }


def _change_item(subscription: Subscription, change: Change, kind: ChangeKind, event: SimEvent) -> Item:
    identifier = event_id(event, immutable=subscription.immutable_ids)
    path = resource_path(change.mailbox, identifier)
    return {
        **_common(subscription),
        "changeType": kind.value,
        "resource": path,
        "resourceData": {
            "@odata.type": "#Microsoft.Graph.Event",
            "@odata.id": path,
            "@odata.etag": etag(event),
            "id": identifier,
        },
    }

"""The add-in's CalendarSubscriptions: the web server makes and reads them, the operator does the rest."""

from collections.abc import AsyncIterator, Mapping
from datetime import date, timedelta
from typing import Any, Final

import lightkube
from lightkube.types import PatchType

from outlook_addin_core.clients.kubernetes import CalendarSubscription, OutlookAddin, apply_status
from outlook_addin_core.domain.clock import Clock
from outlook_addin_core.domain.mailbox import Mailbox, age_of, subscription_name
from outlook_addin_core.domain.resources import LAST_NEEDED, RENEW_REQUESTED, SYNC_REQUESTED, WEB_MANAGER
from outlook_addin_web.ports import Followed, StoreUnavailable, SubscriptionState
from outlook_addin_web.store_errors import Exists, Missing, store_errors
from outlook_addin_web.subscription_objects import (
    condition,
    followed_of,
    manifest,
    serves,
    state_of,
    verdict_of,
)
from outlook_addin_web.verdicts import Verdict

COUNT_LIVES: Final = timedelta(minutes=5)
PAGE: Final = 200


class KubernetesSubscriptions:
    """Fits ``ports.Subscriptions``.

    What the web server makes has a name that follows from the mailbox; what others make has any name.

    Args:
        client: With the rights of the ClusterRole ``outlook-addin-web``.
        addin: The OutlookAddin whose subscriptions these are.
        namespace: Where all of them live.
    """

    def __init__(self, client: lightkube.AsyncClient, addin: str, namespace: str, clock: Clock) -> None:
        self._client = client
        self._addin = addin
        self._namespace = namespace
        self._clock = clock
        self._counted: tuple[float, int] | None = None

    async def get(self, mailbox: Mailbox) -> SubscriptionState | None:
        """Return the mailbox's subscription, or None."""
        found = await self._serving(mailbox)
        return None if found is None else state_of(found)

    async def create(self, mailbox: Mailbox, address: str | None) -> None:
        """Make the mailbox's subscription, unless somebody else has made it under any name."""
        if await self._serving(mailbox) is not None:
            return
        body = CalendarSubscription.from_dict(manifest(self._addin, self._namespace, mailbox, address))
        try:
            async with store_errors("create"):
                await self._client.create(body, field_manager=WEB_MANAGER)
        except Exists:
            if await self._serving(mailbox) is None:
                raise StoreUnavailable("another mailbox's subscription has the name; delete it") from None
            return
        if self._counted is not None:
            self._counted = (self._counted[0], self._counted[1] + 1)

    async def count(self) -> int:
        """Return how many subscriptions the add-in has; counted anew every five minutes."""
        now = self._clock.monotonic()
        if self._counted is None or now - self._counted[0] >= COUNT_LIVES.total_seconds():
            self._counted = (now, sum([1 async for _ in self.all()]))
        return self._counted[1]

    async def request_renewal(self, mailbox: Mailbox, token: str) -> bool:
        """Annotate the mailbox's subscription; the operator renews it and notes the token in its status."""
        found = await self._serving(mailbox)
        if found is None:
            return False
        try:
            await self._annotate(found["metadata"]["name"], {RENEW_REQUESTED: token})
        except Missing:
            return False
        return True

    async def all(self) -> AsyncIterator[Followed]:
        """Yield all of the add-in's subscriptions."""
        async with store_errors("list"):
            async for each in self._list():
                yield followed_of(each)

    async def changes(self) -> AsyncIterator[Followed]:
        """Yield all of them and then each one that has changed, until Kubernetes does not know where we were.

        Raises:
            StoreUnavailable: The list or the watch broke off; what changed meanwhile shows in the next list.
        """
        async with store_errors("watch"):
            everything = self._list()
            async for each in everything:
                yield followed_of(each)
            changes = self._client.watch(
                CalendarSubscription,
                namespace=self._namespace,
                fields=self._fields,
                resource_version=everything.resourceVersion,
            )
            async for verb, each in changes:
                yield followed_of(each, deleted=verb == "DELETED")

    async def report(self, mailbox: Mailbox, verdict: Verdict) -> bool:
        """Write the condition Synchronized, unless it says so already; False if there is no subscription."""
        found = await self._serving(mailbox)
        if found is None:
            return False
        if verdict_of(found) == verdict:
            return True
        name, conditions = found["metadata"]["name"], [condition(found, verdict, self._clock.now())]
        try:
            async with store_errors("patch", "calendarsubscriptions/status"):
                await apply_status(
                    self._client,
                    CalendarSubscription,
                    self._namespace,
                    name,
                    {"conditions": conditions},
                    field_manager=WEB_MANAGER,
                )
        except Missing:
            return False
        return True

    async def note_needed(self, followed: Followed, day: date) -> None:
        """Note the last day on which a subscription was needed."""
        try:
            await self._annotate(followed.name, {LAST_NEEDED: day.isoformat()})
        except Missing:
            return

    async def remove(self, followed: Followed) -> None:
        """Delete a subscription, unless it has changed since it was read."""
        fresh = await self._get(followed.name)
        if fresh is None or fresh["metadata"].get("resourceVersion") != followed.version:
            return
        try:
            async with store_errors("delete"):
                await self._client.delete(CalendarSubscription, followed.name, namespace=self._namespace)
        except Missing:
            return

    async def sweep_request(self) -> str:
        """Return what stands in the OutlookAddin's annotation that asks for a sweep."""
        try:
            async with store_errors("get", "outlookaddins"):
                found = await self._client.get(OutlookAddin, self._addin, namespace=self._namespace)
        except Missing:
            return ""
        annotations: Mapping[str, str] = found["metadata"].get("annotations") or {}
        return annotations.get(SYNC_REQUESTED, "")

    @property
    def _fields(self) -> dict[str, Any]:
        return {"spec.addinRef.name": self._addin}

    def _list(self) -> Any:
        return self._client.list(
            CalendarSubscription, namespace=self._namespace, fields=self._fields, chunk_size=PAGE
        )

    async def _serving(self, mailbox: Mailbox) -> Any:
        """Return the object that follows the mailbox: that of the name which we give, or else the oldest.

        A look at one name costs the API server nothing; it goes through all objects only when it has to.
        """
        found = await self._get(subscription_name(self._addin, mailbox))
        if found is not None and serves(found, self._addin, mailbox):
            return found
        fields = {**self._fields, "spec.tenantId": mailbox.tenant_id, "spec.userId": mailbox.user_id}
        async with store_errors("list"):
            listed = self._client.list(CalendarSubscription, namespace=self._namespace, fields=fields)
            return min([each async for each in listed], key=age_of, default=None)

    async def _get(self, name: str) -> Any:
        try:
            async with store_errors("get"):
                return await self._client.get(CalendarSubscription, name, namespace=self._namespace)
        except Missing:
            return None

    async def _annotate(self, name: str, annotations: Mapping[str, str]) -> None:
        async with store_errors("patch"):
            await self._client.patch(
                CalendarSubscription,
                name,
                {"metadata": {"annotations": dict(annotations)}},
                namespace=self._namespace,
                patch_type=PatchType.MERGE,
                field_manager=WEB_MANAGER,
            )

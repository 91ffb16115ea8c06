"""The add-in's CalendarSubscriptions: the web server makes and reads them, the operator does the rest."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final

import httpx2
import lightkube
from lightkube.types import PatchType

from outlook_addin_core.clients.kubernetes import API_VERSION, GROUP, CalendarSubscription
from outlook_addin_core.domain.clock import Clock
from outlook_addin_core.domain.mailbox import Mailbox, subscription_name
from outlook_addin_web.ports import StoreUnavailable, SubscriptionState

MANAGER: Final = "outlook-addin-web"
RENEW_REQUESTED: Final = f"{GROUP}/renew-requested"
COUNT_LIVES: Final = timedelta(minutes=5)
PAGE: Final = 200


class KubernetesSubscriptions:
    """Fits ``ports.Subscriptions``.

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
        name = subscription_name(self._addin, mailbox)
        try:
            async with _errors("get"):
                found = await self._client.get(CalendarSubscription, name, namespace=self._namespace)
        except _NotFound:
            return None
        if Mailbox(found["spec"]["tenantId"], found["spec"]["userId"]) != mailbox:
            raise StoreUnavailable("another mailbox's subscription has the name; delete it")
        return _state(name, found.get("status") or {})

    async def create(self, mailbox: Mailbox, address: str | None) -> None:
        """Make the mailbox's subscription; whoever made it first, there is one."""
        try:
            async with _errors("create"):
                await self._client.create(self._manifest(mailbox, address), field_manager=MANAGER)
        except _Exists:
            return
        if self._counted is not None:
            self._counted = (self._counted[0], self._counted[1] + 1)

    async def count(self) -> int:
        """Return how many subscriptions the add-in has; counted anew every five minutes."""
        now = self._clock.monotonic()
        if self._counted is None or now - self._counted[0] >= COUNT_LIVES.total_seconds():
            async with _errors("list"):
                self._counted = (now, await self._count())
        return self._counted[1]

    async def request_renewal(self, mailbox: Mailbox, token: str) -> bool:
        """Annotate the mailbox's subscription; the operator renews it and notes the token in its status."""
        name = subscription_name(self._addin, mailbox)
        try:
            async with _errors("patch"):
                await self._client.patch(
                    CalendarSubscription,
                    name,
                    {"metadata": {"annotations": {RENEW_REQUESTED: token}}},
                    namespace=self._namespace,
                    patch_type=PatchType.MERGE,
                    field_manager=MANAGER,
                )
        except _NotFound:
            return False
        return True

    async def _count(self) -> int:
        fields: dict[str, Any] = {"spec.addinRef.name": self._addin}
        everything = self._client.list(
            CalendarSubscription, namespace=self._namespace, fields=fields, chunk_size=PAGE
        )
        return sum([1 async for _ in everything])

    def _manifest(self, mailbox: Mailbox, address: str | None) -> Any:
        spec: dict[str, Any] = {
            "addinRef": {"name": self._addin},
            "tenantId": mailbox.tenant_id,
            "userId": mailbox.user_id,
        }
        if address is not None:
            spec["mailbox"] = address
        labels = {"app.kubernetes.io/managed-by": MANAGER, "app.kubernetes.io/instance": self._addin}
        name = subscription_name(self._addin, mailbox)
        metadata = {"name": name, "namespace": self._namespace, "labels": labels}
        body = {"apiVersion": API_VERSION, "kind": "CalendarSubscription", "metadata": metadata, "spec": spec}
        return CalendarSubscription.from_dict(body)


class _NotFound(StoreUnavailable):
    """404."""


class _Exists(StoreUnavailable):
    """409 on create."""


_KINDS: Final[Mapping[int | None, type[StoreUnavailable]]] = {404: _NotFound, 409: _Exists}


@asynccontextmanager
async def _errors(verb: str) -> AsyncIterator[None]:
    """Say what went wrong without the URL, which names the object."""
    try:
        yield
    except lightkube.ApiError as error:
        code = error.status.code
        raise _KINDS.get(code, StoreUnavailable)(
            f"Kubernetes answered {code} to {verb} calendarsubscriptions"
        ) from error
    except httpx2.HTTPError as error:
        raise StoreUnavailable(f"Kubernetes gave no answer to {verb} calendarsubscriptions") from error


def _state(name: str, status: dict[str, Any]) -> SubscriptionState:
    conditions: list[dict[str, Any]] = status.get("conditions") or []
    ready: dict[str, Any] = next((each for each in conditions if each.get("type") == "Ready"), {})
    return SubscriptionState(
        name, ready.get("status") == "True", ready.get("reason") or "Pending", status.get("expirationTime")
    )

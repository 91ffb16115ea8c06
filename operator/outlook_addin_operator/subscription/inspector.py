"""Looks, slowly, whether Graph has what it should: removes what nobody speaks for, has the rest looked at.

The pace is far below what Graph allows for lists (25 in 20 s per tenant, 40 over all tenants), because there
is no hurry: what is missing announces itself by a lifecycle notification or at its renewal, too.
"""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, Final

from outlook_addin_core.clients.errors import ClientError
from outlook_addin_core.clients.graph_subscriptions import Subscription
from outlook_addin_core.domain.clock import Clock
from outlook_addin_core.domain.config import ConfigError
from outlook_addin_core.domain.resources import ADDIN, SUBSCRIPTION, SYNC_REQUESTED
from outlook_addin_operator.addin.spec import AddinView, view
from outlook_addin_operator.agenda import Agenda
from outlook_addin_operator.cluster import Cluster, ClusterError
from outlook_addin_operator.credentials import CredentialsReader
from outlook_addin_operator.graph_access import GraphAccess, GraphAccessCache
from outlook_addin_operator.inventory import Inventory
from outlook_addin_operator.keys import Key
from outlook_addin_operator.metrics import Metrics
from outlook_addin_operator.status import format_time
from outlook_addin_operator.subscription.comparison import Findings, compare
from outlook_addin_operator.subscription.observed import key_id

logger = logging.getLogger(__name__)


TICK: Final = 15.0
"""Seconds for which reasons to sweep are gathered, so that many replacements ask for one sweep."""

ROUND: Final = 60.0
"""Seconds between two looks at the webhook keys."""

STEP: Final = 20
"""Listed subscriptions after which a second passes: pages are not smaller than this."""


class Inspector:
    """Compares Graph with the cluster, one OutlookAddin and tenant after the other.

    Args:
        fence: Asked before every write at Graph; raises what stops it.
        interval: Seconds between two comparisons; 0 for none.
        sleep: Replaced in tests.
    """

    def __init__(  # noqa: PLR0913 - the collaborators, by name
        self,
        *,
        cluster: Cluster,
        credentials: CredentialsReader,
        inventory: Inventory,
        agenda: Agenda,
        graph: GraphAccessCache,
        metrics: Metrics,
        clock: Clock,
        fence: Callable[[], None],
        interval: float,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._cluster = cluster
        self._credentials = credentials
        self._inventory = inventory
        self._agenda = agenda
        self._graph = graph
        self._metrics = metrics
        self._clock = clock
        self._fence = fence
        self._interval = interval
        self._sleep = sleep

    async def run(self) -> None:
        """Look until cancelled; the first comparison comes after one interval."""
        keys_at = self._clock.monotonic() + ROUND
        compare_at = self._clock.monotonic() + self._interval
        while True:
            await self._sleep(TICK)
            await self.ask_for_sweeps()
            if self._clock.monotonic() >= keys_at:
                await self._each(self.notice_keys)
                keys_at = self._clock.monotonic() + ROUND
            if self._interval and self._clock.monotonic() >= compare_at:
                await self._each(self.compare)
                compare_at = self._clock.monotonic() + self._interval

    async def ask_for_sweeps(self) -> None:
        """Ask the web servers to look for what changed while a mailbox had no Graph subscription."""
        for key in self._agenda.take_sweeps():
            try:
                await self._cluster.annotate(key, {SYNC_REQUESTED: format_time(self._clock.now())})
            except ClusterError:
                self._agenda.want_sweep(key)

    async def notice_keys(self, addin: AddinView, key: Key) -> None:
        """Have those looked at whose Graph subscription carries another webhook key than the present one."""
        present = key_id(await self._credentials.read(addin))
        if present is not None:
            self._agenda.wake_subscriptions(key, lambda entry: entry.key_id not in {"", present})

    async def compare(self, addin: AddinView, key: Key) -> None:
        """Compare all tenants of an OutlookAddin."""
        credentials = await self._credentials.read(addin)
        if credentials.problem is not None:
            return
        for tenant_id in addin.config.tenant_ids:
            try:
                access = self._graph.get(addin, tenant_id, credentials)
                await self._tenant(addin, key, tenant_id, access)
            except (ClientError, ssl.SSLError) as error:
                self._metrics.compared.labels("failed").inc()
                logger.info("the Graph subscriptions were not compared: %s", type(error).__name__)

    async def _each(self, work: Callable[[AddinView, Key], Awaitable[None]]) -> None:
        for key in self._inventory.all_addins():
            try:
                body = await self._cluster.get(ADDIN, key.namespace, key.name)
                addin = None if body is None else view(body)
                if addin is not None and addin.sync_enabled and not addin.deleting:
                    await work(addin, key)
            except (ClusterError, ConfigError) as error:
                logger.info("%s/%s was not compared with Graph: %s", *key[1:], type(error).__name__)

    async def _tenant(self, addin: AddinView, key: Key, tenant_id: str, access: GraphAccess) -> None:
        listed = await self._list(access)
        entries = [entry for entry in self._inventory.of_addin(key) if entry.mailbox[0] == tenant_id]
        findings = compare(listed, entries, addin.installation)
        if not findings.trusted:
            self._metrics.compared.labels("implausible").inc()
            logger.warning("Graph lists none of our subscriptions, which proves nothing; nothing was done")
            return
        self._metrics.compared.labels("done").inc()
        for missing in findings.missing:
            self._agenda.check(missing)
        await self._remove(findings, key, tenant_id, access)

    async def _list(self, access: GraphAccess) -> list[Subscription]:
        await self._sleep(1.0)
        found: list[Subscription] = []
        async for item in access.subscriptions.list():
            found.append(item)
            if len(found) % STEP == 0:
                await self._sleep(1.0)
        return found

    async def _remove(self, findings: Findings, key: Key, tenant_id: str, access: GraphAccess) -> None:
        for user, ids in findings.surplus.items():
            kept = await self._spoken_for(key, tenant_id, user)
            if kept is None:
                continue
            for surplus in ids:
                if surplus not in kept:
                    await access.throttle.acquire()
                    self._fence()
                    await access.subscriptions.delete(surplus)
                    self._metrics.orphans.inc()

    async def _spoken_for(self, key: Key, tenant_id: str, user: str) -> set[str] | None:
        """Return the ids that objects of a mailbox name, as they are now; None if one of them is at work."""
        fields: dict[str, Any] = {"spec.userId": user, "spec.tenantId": tenant_id}
        bodies = await self._cluster.list(SUBSCRIPTION, key.namespace, fields=fields)
        mine = [body for body in bodies if body["spec"]["addinRef"]["name"] == key.name]
        named = {(body.get("status") or {}).get("subscriptionId") for body in mine}
        if mine and not any(named):
            return None
        return {name for name in named if name}

"""Everything that lives as long as the operator's process, put together and run."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, cast
from uuid import uuid4

import lightkube

from outlook_addin_core.domain.clock import Clock
from outlook_addin_core.domain.resources import ADDIN, SUBSCRIPTION
from outlook_addin_operator.addin.reconciler import AddinReconciler
from outlook_addin_operator.agenda import Agenda
from outlook_addin_operator.cluster import Cluster, ConflictError, GoneError
from outlook_addin_operator.credentials import CredentialsReader
from outlook_addin_operator.events import Recorder
from outlook_addin_operator.graph_access import GraphAccessCache
from outlook_addin_operator.inventory import Inventory
from outlook_addin_operator.keys import Key
from outlook_addin_operator.lease import Elector
from outlook_addin_operator.lease_fence import FencedClient
from outlook_addin_operator.lease_keeper import (
    Alone,
    LeaseKeeper,
    NotLeadingError,
    fence,
    while_leading,
)
from outlook_addin_operator.lease_store import KubernetesLease
from outlook_addin_operator.lease_watch import DEAD, WatchAge
from outlook_addin_operator.metrics import Metrics
from outlook_addin_operator.schedule import Schedule
from outlook_addin_operator.settings import Settings
from outlook_addin_operator.subscription.inspector import Inspector
from outlook_addin_operator.subscription.reconciler import SubscriptionReconciler
from outlook_addin_operator.watching import SubscriptionWatch, connect
from outlook_addin_operator.workers import Workers

logger = logging.getLogger(__name__)

QUIET: Final = 1.0
"""Seconds without a listed object after which the initial list is taken for complete."""

LONGEST_LIST: Final = 300.0
HOUSEKEEPING: Final = 15.0
STUCK: Final = 300.0
"""Seconds without a look at the schedule after which the process is better restarted."""

GRACE: Final = 15.0
"""Seconds that a stop leaves to what is under way; the next operator looks again at what is not over then."""

_SOON: Final = timedelta(seconds=1)


class Runtime:
    """The operator without Kopf.

    Args:
        client: The connection to the API server; closed at the end.
    """

    def __init__(self, client: lightkube.AsyncClient, settings: Settings, clock: Clock) -> None:
        self.leadership = _leadership(client, settings, clock)
        self.cluster = Cluster(cast("lightkube.AsyncClient", FencedClient(client, self.leadership)))
        self.metrics = Metrics()
        self.namespace = settings.namespace or client.config.namespace
        self._clock = clock
        self._watch = WatchAge(clock) if settings.sees_lease else None
        self._schedule = Schedule(self._urgency, group=self._tenant, limit=settings.workers)
        self.metrics.scheduled.set_function(lambda: len(self._schedule))
        self._inventory = Inventory()
        self._graph = GraphAccessCache(clock, self.metrics.observe_request)
        self._workers = Workers(
            self._schedule,
            self._reconcile,
            clock,
            limit=settings.workers,
            observe=self.metrics.observe_reconcile,
        )
        self.agenda = Agenda(self._schedule, self._inventory, self._workers.wake, clock)
        self.agenda.leading = isinstance(self.leadership, Alone)
        shared: dict[str, Any] = {
            "cluster": self.cluster,
            "credentials": CredentialsReader(self.cluster, clock),
            "inventory": self._inventory,
            "agenda": self.agenda,
            "clock": clock,
        }
        recorder = Recorder(self.cluster, clock, settings.instance)
        at_graph: dict[str, Any] = {"graph": self._graph, "metrics": self.metrics, "fence": self._fence}
        self._addins = AddinReconciler(
            **shared, recorder=recorder, web_image=settings.web_image, graph=self._graph
        )
        self._subscriptions = SubscriptionReconciler(**shared, **at_graph, recorder=recorder)
        self._inspector = Inspector(**shared, **at_graph, interval=settings.compare_interval)
        self._watches = [self._follow(client, namespace) for namespace in settings.namespaces or (None,)]
        self._listed_at = clock.monotonic()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to work as soon as the Lease is held."""
        self._listed_at = self._clock.monotonic()
        if isinstance(self.leadership, LeaseKeeper):
            self.leadership.start()
        mains = (self._lead(self._work), self._lead(self._inspector.run), self._keep_house())
        watches = (watch.run() for watch in self._watches)
        self._tasks = [asyncio.create_task(main) for main in (*mains, *watches)]
        for task in self._tasks:
            task.add_done_callback(_report)

    async def stop(self) -> None:
        """Finish what is under way, for a while, and let another operator take over."""
        self._workers.finish()
        if self._tasks and self.agenda.leading:
            await asyncio.wait({self._tasks[0]}, timeout=GRACE)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if isinstance(self.leadership, LeaseKeeper):
            await self.leadership.stop()
        await self._graph.aclose()
        await self.cluster.aclose()

    def listed(self) -> None:
        """Take note that the initial list still goes on."""
        self._listed_at = self._clock.monotonic()

    def lease(self, body: Mapping[str, Any]) -> None:
        """Take in an event of the Lease: the watch lives; and a Lease that nobody holds is to be had."""
        if body["metadata"]["namespace"] != self.namespace:
            return
        if self._watch is not None:
            self._watch.watched()
        if isinstance(self.leadership, LeaseKeeper) and not (body.get("spec") or {}).get("holderIdentity"):
            self.leadership.nudge()

    def health(self) -> Mapping[str, float]:
        """Return the age of the last look at the schedule, and of what the watch owes.

        Raises:
            RuntimeError: The workers have stopped or are stuck, or the watch shows nothing any more.
        """
        age = self._workers.tick_age if self.agenda.leading else 0.0
        if any(task.done() for task in self._tasks) or age > STUCK:
            raise RuntimeError(f"the schedule was not looked at for {age:.0f} s")
        lag = self._lag()
        if lag > DEAD:
            raise RuntimeError(f"the watch has shown nothing for {lag:.0f} s, although things change")
        return {"tick_age_seconds": round(age, 1), "watch_lag_seconds": round(lag, 1)}

    async def _lead(self, work: Callable[[], Awaitable[None]]) -> None:
        await while_leading(self.leadership, work)

    async def _work(self) -> None:
        """Wait until all objects are known, because the oldest and the earliest come first."""
        began = self._clock.monotonic()
        while not self._all_known():
            if self._clock.monotonic() - began > LONGEST_LIST:
                break
            await asyncio.sleep(QUIET / 4)
        self.agenda.leading = True
        try:
            await self._workers.run()
        finally:
            self.agenda.leading = isinstance(self.leadership, Alone)

    def _all_known(self) -> bool:
        quiet = self._clock.monotonic() - self._listed_at >= QUIET
        return quiet and all(watch.complete.is_set() for watch in self._watches)

    def _follow(self, client: lightkube.AsyncClient, namespace: str | None) -> SubscriptionWatch:
        return SubscriptionWatch(
            connect(client),
            namespace,
            take=self.agenda.subscription,
            known=self._inventory.subscriptions,
            vanished=self.agenda.vanished,
            clock=self._clock,
        )

    def _urgency(self, key: Key) -> float | None:
        """What ends first comes first; an OutlookAddin, on which many depend, before everything."""
        if key.kind == ADDIN:
            return 0.0
        entry = self._inventory.subscription(key)
        return entry.expiration.timestamp() if entry is not None and entry.expiration else None

    def _tenant(self, key: Key) -> str | None:
        """One tenant, whose requests may be slow, does not get all workers."""
        entry = self._inventory.subscription(key)
        return entry.mailbox[0] if entry is not None else None

    async def _reconcile(self, key: Key) -> datetime | None:
        try:
            match key.kind:
                case kind if kind == ADDIN:
                    return await self._addins.reconcile(key)
                case kind if kind == SUBSCRIPTION:
                    return await self._subscriptions.reconcile(key)
        except (ConflictError, GoneError, NotLeadingError):
            return self._clock.now() + _SOON
        raise ValueError(f"nobody reconciles {key.kind}")

    async def _keep_house(self) -> None:
        while True:
            now = self._clock.now()
            waiting, oldest = self.agenda.backlog(now)
            self.metrics.show(self._inventory.overview(now), waiting)
            self.metrics.show_process(
                leading=self.leadership.remaining > 0,
                watch_lag=self._lag(),
                oldest_due=oldest,
                credentials_end=self._addins.earliest_credential_expiration(),
            )
            await self._graph.close_retired()
            await asyncio.sleep(HOUSEKEEPING)

    def _lag(self) -> float:
        """Return for how long a watch has owed us something, although the API server answers the Lease."""
        keeper = self.leadership
        if not isinstance(keeper, LeaseKeeper):
            return 0.0
        owed = [max(0.0, keeper.changed_at - watch.heard) for watch in self._watches]
        if self._watch is not None:
            owed.append(self._watch.lag(keeper.changed_at))
        return max(owed)

    def _fence(self) -> None:
        fence(self.leadership)


def _leadership(client: lightkube.AsyncClient, settings: Settings, clock: Clock) -> Alone | LeaseKeeper:
    if not settings.lease_duration:
        return Alone()
    namespace = settings.namespace or client.config.namespace
    store = KubernetesLease.beside(client, namespace, settings.lease_duration / 4)
    identity = f"{settings.instance}_{uuid4().hex[:8]}"  # a container that was restarted keeps its pod's name
    return LeaseKeeper(Elector(store, identity, clock, settings.lease_duration), closing=store.close)


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        logger.critical(
            "a main task has stopped; the liveness probe fails from now on", exc_info=task.exception()
        )

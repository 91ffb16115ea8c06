"""Everything that lives as long as the operator's process, put together and run."""

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import lightkube

from outlook_addin_core.domain.clock import Clock
from outlook_addin_operator.addin.reconciler import AddinReconciler
from outlook_addin_operator.agenda import Agenda
from outlook_addin_operator.cluster import Cluster, ConflictError, GoneError
from outlook_addin_operator.credentials import CredentialsReader
from outlook_addin_operator.events import Recorder
from outlook_addin_operator.graph_access import GraphAccessCache
from outlook_addin_operator.inventory import Inventory
from outlook_addin_operator.keys import ADDIN, SUBSCRIPTION, Key
from outlook_addin_operator.metrics import Metrics
from outlook_addin_operator.schedule import Schedule
from outlook_addin_operator.settings import Settings
from outlook_addin_operator.subscription.reconciler import SubscriptionReconciler
from outlook_addin_operator.workers import Workers

logger = logging.getLogger(__name__)

QUIET: Final = 1.0
"""Seconds without a listed object after which the initial list is taken for complete."""

LONGEST_LIST: Final = 300.0
HOUSEKEEPING: Final = 15.0
STUCK: Final = 300.0
"""Seconds without a look at the schedule after which the process is better restarted."""

_SOON: Final = timedelta(seconds=1)


class Runtime:
    """The operator without Kopf.

    Args:
        client: The connection to the API server; closed at the end.
    """

    def __init__(self, client: lightkube.AsyncClient, settings: Settings, clock: Clock) -> None:
        self.cluster = Cluster(client)
        self.metrics = Metrics()
        self._clock = clock
        self._schedule = Schedule()
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
        shared: dict[str, Any] = {
            "cluster": self.cluster,
            "credentials": CredentialsReader(self.cluster, clock),
            "inventory": self._inventory,
            "agenda": self.agenda,
            "recorder": Recorder(self.cluster, clock, settings.instance),
            "clock": clock,
        }
        self._addins = AddinReconciler(**shared, web_image=settings.web_image)
        self._subscriptions = SubscriptionReconciler(**shared, graph=self._graph, metrics=self.metrics)
        self._listed_at = clock.monotonic()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to work."""
        self._listed_at = self._clock.monotonic()
        self._tasks = [asyncio.create_task(self._work()), asyncio.create_task(self._keep_house())]
        for task in self._tasks:
            task.add_done_callback(_report)

    async def stop(self) -> None:
        """Stop working; what was under way is looked at again by the next process."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._graph.aclose()
        await self.cluster.aclose()

    def listed(self) -> None:
        """Take note that the initial list still goes on."""
        self._listed_at = self._clock.monotonic()

    def health(self) -> Mapping[str, float]:
        """Return the age of the last look at the schedule.

        Raises:
            RuntimeError: The workers have stopped or are stuck.
        """
        age = self._workers.tick_age
        if any(task.done() for task in self._tasks) or age > STUCK:
            raise RuntimeError(f"the schedule was not looked at for {age:.0f} s")
        return {"tick_age_seconds": round(age, 1)}

    async def _work(self) -> None:
        """Wait until all objects are known, because the oldest and the earliest come first."""
        began = self._clock.monotonic()
        while self._clock.monotonic() - self._listed_at < QUIET:
            if self._clock.monotonic() - began > LONGEST_LIST:
                break
            await asyncio.sleep(QUIET / 4)
        await self._workers.run()

    async def _reconcile(self, key: Key) -> datetime | None:
        try:
            match key.kind:
                case kind if kind == ADDIN:
                    return await self._addins.reconcile(key)
                case kind if kind == SUBSCRIPTION:
                    return await self._subscriptions.reconcile(key)
        except (ConflictError, GoneError):
            return self._clock.now() + _SOON
        raise ValueError(f"nobody reconciles {key.kind}")

    async def _keep_house(self) -> None:
        while True:
            self.metrics.show(
                self._inventory.reasons(),
                self._inventory.earliest_expiration(),
                self._schedule.overdue(self._clock.now()),
            )
            await self._graph.close_retired()
            await asyncio.sleep(HOUSEKEEPING)


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        logger.critical(
            "a main task has stopped; the liveness probe fails from now on", exc_info=task.exception()
        )

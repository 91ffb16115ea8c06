"""One replica of the web server between fakes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

from prometheus_client import CollectorRegistry

from outlook_addin_core.domain.conversations import Marker
from outlook_addin_core.domain.mailbox import Mailbox
from outlook_addin_web.metrics import Metrics
from outlook_addin_web.sync import Outside, Sync
from web.fakes import ANNA, CONFIG, KEY, START, Bench, uuid
from web.polling import until

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


async def refused(_: str) -> Any:
    raise AssertionError("nobody asks for this here")


class Replica:
    """One process of the web server; what it talks to is the bench's."""

    def __init__(self, bench: Bench, name: str = "one", **config: Any) -> None:
        self.bench = bench
        self.metrics = Metrics(CollectorRegistry())
        verify: Any = refused
        self.sync = Sync(
            config=replace(CONFIG, **config),
            keys=(KEY,),
            outside=Outside(
                events=bench.outlook,
                conversations=bench.unblu,
                subscriptions=bench.kubernetes,
                lease=bench.lease,
                verify=verify,
                known_to_unblu=refused,
            ),
            clock=bench.clock,
            metrics=self.metrics,
            identity=name,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Replica"]:
        async with self.sync.running():
            yield self

    def sample(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(f"outlook_addin_{name}", labels) or 0.0

    def repaired(self, kind: str) -> float:
        return self.sample("repairs_total", kind=kind)

    @property
    def looks(self) -> float:
        """How often a whole mailbox was looked at."""
        return self.sample("tasks_total", kind="mailbox", outcome="done")

    @property
    def sweeps(self) -> float:
        return self.sample("sweeps_total", outcome="complete")

    async def swept(self) -> None:
        """Wait for the end of a sweep that begins now."""
        before = self.sweeps
        self.sync.sweeper.request()
        await until(lambda: self.sweeps > before)

    def said(self, mailbox: Mailbox = ANNA) -> list[str]:
        return [verdict.reason for verdict in self.bench.kubernetes.verdicts.get(mailbox, [])]


def scheduled(bench: Bench, mailbox: Mailbox = ANNA, number: int = 1) -> None:
    """An agent has scheduled a conversation, and the event has been seen."""
    bench.unblu.put(mailbox, number, marker=Marker(f"event-{number}", START))
    bench.outlook.put(mailbox, f"event-{number}", link=uuid(number))

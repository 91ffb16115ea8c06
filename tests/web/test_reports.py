"""What Kubernetes holds in the end is what was said last."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from outlook_addin_core.domain.mailbox import Mailbox
from outlook_addin_web.ports import StoreUnavailable
from outlook_addin_web.reports import Reports
from outlook_addin_web.verdicts import IN_SYNC, REPAIRING, Verdict
from web.fakes import ANNA, BEN
from web.polling import until


class Store:
    """Conditions by mailbox; a write takes until the gate is open."""

    def __init__(self) -> None:
        self.conditions: dict[Mailbox, Verdict] = {}
        self.refused: set[Mailbox] = set()
        self.gate = asyncio.Event()
        self.gate.set()
        self.writing = 0

    async def report(self, mailbox: Mailbox, verdict: Verdict) -> bool:
        self.writing += 1
        await self.gate.wait()
        if mailbox in self.refused:
            raise StoreUnavailable("Kubernetes answered 422 to patch calendarsubscriptions/status")
        self.conditions[mailbox] = verdict
        return True


@asynccontextmanager
async def writing(store: Store) -> AsyncIterator[Reports]:
    reports = Reports(cast("Any", store), pause=0.0, retry=0.01)
    running = asyncio.create_task(reports.run())
    try:
        yield reports
    finally:
        running.cancel()


async def test_what_is_said_while_something_else_is_written_is_written_after_it() -> None:
    store = Store()
    async with writing(store) as reports:
        reports.learn(ANNA, IN_SYNC)
        store.gate.clear()
        reports.say(ANNA, REPAIRING)
        await until(lambda: store.writing == 1)
        reports.say(ANNA, IN_SYNC)
        store.gate.set()
        await until(lambda: store.conditions.get(ANNA) == IN_SYNC)


async def test_a_subscription_that_cannot_be_written_keeps_no_other_waiting() -> None:
    store = Store()
    store.refused.add(ANNA)
    async with writing(store) as reports:
        reports.say(ANNA, IN_SYNC)
        reports.say(BEN, IN_SYNC)
        await until(lambda: BEN in store.conditions)
        store.refused.clear()
        await until(lambda: ANNA in store.conditions)

"""What stands in Kubernetes, and how each replica reaches it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from outlook_addin_core.domain.election import Term
from outlook_addin_core.domain.mailbox import Mailbox, subscription_name
from outlook_addin_web.ports import Followed, StoreUnavailable, SubscriptionState
from outlook_addin_web.verdicts import Verdict

if TYPE_CHECKING:
    from sync.stage import Stage


class Cluster:
    """What stands in Kubernetes: a CalendarSubscription per mailbox, the Lease, the request for a sweep.

    The operator is part of it: a Graph subscription that was removed is made again when that is asked for.
    """

    def __init__(self, stage: "Stage") -> None:
        self.stage = stage
        self.sweep_token = ""
        self.verdicts: dict[Mailbox, Verdict] = {}
        self.renewals: dict[Mailbox, str] = {}
        self.term: Term | None = None
        self.is_down = False
        self._watchers: list[asyncio.Queue[Followed]] = []

    def followed(self, mailbox: Mailbox) -> Followed:
        live = self.stage.world.graph.subscriptions.values()
        known = next((each.id for each in live if each.user_id == mailbox.user_id), "")
        name = subscription_name("outlook-addin", mailbox)
        return Followed(name, mailbox, True, known, "", None, self.stage.clock.now(), "1")

    def renew(self, mailbox: Mailbox, token: str) -> None:
        self.renewals[mailbox] = token
        self.stage.subscribe(mailbox)
        for watcher in self._watchers:
            watcher.put_nowait(self.followed(mailbox))

    def write(self, term: Term) -> Term | None:
        if term.version != (self.term.version if self.term else ""):
            return None
        self.term = replace(term, version=str(int(term.version or "0") + 1))
        return self.term

    async def watch(self) -> AsyncIterator[Followed]:
        queue: asyncio.Queue[Followed] = asyncio.Queue()
        self._watchers.append(queue)
        for agent in self.stage.agents:
            yield self.followed(self.stage.mailbox(agent))
        while True:
            yield await queue.get()


class Kubernetes:
    """The cluster as one replica reaches it; fits ``ports.Subscriptions`` and ``ports.Lease``.

    Args:
        gate: Passed by every call; of a replica that was killed none comes back.
    """

    def __init__(self, cluster: Cluster, gate: Callable[[], Awaitable[None]]) -> None:
        self._cluster = cluster
        self._gate = gate

    async def get(self, mailbox: Mailbox) -> SubscriptionState | None:
        await self._enter()
        name = subscription_name("outlook-addin", mailbox)
        return SubscriptionState(name, ready=True, reason="Subscribed", expiration_time=None)

    async def create(self, _mailbox: Mailbox, _address: str | None) -> None:
        await self._enter()

    async def count(self) -> int:
        await self._enter()
        return len(self._cluster.stage.agents)

    async def request_renewal(self, mailbox: Mailbox, token: str) -> bool:
        await self._enter()
        self._cluster.renew(mailbox, token)
        return True

    async def all(self) -> AsyncIterator[Followed]:
        await self._enter()
        for agent in self._cluster.stage.agents:
            yield self._cluster.followed(self._cluster.stage.mailbox(agent))

    async def changes(self) -> AsyncIterator[Followed]:
        await self._enter()
        async for each in self._cluster.watch():
            yield each

    async def report(self, mailbox: Mailbox, verdict: Verdict) -> bool:
        await self._enter()
        self._cluster.verdicts[mailbox] = verdict
        return True

    async def note_needed(self, _followed: Followed, _day: date) -> None:
        await self._enter()

    async def remove(self, _followed: Followed) -> None:
        await self._enter()

    async def sweep_request(self) -> str:
        await self._enter()
        return self._cluster.sweep_token

    async def read(self) -> Term | None:
        await self._enter()
        return self._cluster.term

    async def write(self, term: Term) -> Term | None:
        await self._enter()
        return self._cluster.write(term)

    async def _enter(self) -> None:
        await self._gate()
        if self._cluster.is_down:
            raise StoreUnavailable("Kubernetes gave no answer")

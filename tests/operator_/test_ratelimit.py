"""What Graph permits per tenant, and over all tenants of one app registration."""

import asyncio
import heapq
from collections.abc import Coroutine
from itertools import count
from typing import Any

from operator_.mill import ADDIN, Mill, TurnedClock, settings
from outlook_addin_core.domain.token_bucket import TokenBucket
from outlook_addin_operator.addin.spec import view
from outlook_addin_operator.credentials import CredentialsReader
from outlook_addin_operator.ratelimit import ALL_TENANTS_BURST, ALL_TENANTS_RATE, Throttle

WINDOW = 20.0


class Sleepers:
    """Lets time pass from one wake-up to the next, in order, for everybody who sleeps."""

    def __init__(self, clock: TurnedClock) -> None:
        self._clock = clock
        self._waiting: list[tuple[float, int, asyncio.Event]] = []
        self._order = count()

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.Event()
        heapq.heappush(self._waiting, (self._clock.monotonic() + seconds, next(self._order), woken))
        await woken.wait()

    async def run(self, *calls: Coroutine[Any, Any, None]) -> None:
        tasks = [asyncio.create_task(call) for call in calls]
        await asyncio.sleep(0)
        while self._waiting:
            moment, _, woken = heapq.heappop(self._waiting)
            self._clock.turn(seconds=max(0.0, moment - self._clock.monotonic()))
            woken.set()
            for _ in range(3):  # until whoever woke up sleeps again or is done
                await asyncio.sleep(0)
        await asyncio.gather(*tasks)


async def moments_of(clock: TurnedClock, tenants: int, calls: int) -> list[float]:
    """Return when the calls go that many tenants ask for at once."""
    shared = TokenBucket(clock, ALL_TENANTS_RATE, ALL_TENANTS_BURST)
    sleepers, moments = Sleepers(clock), list[float]()
    throttles = [Throttle(clock, shared=shared, sleep=sleepers.sleep) for _ in range(tenants)]

    async def call(throttle: Throttle) -> None:
        await throttle.acquire()
        moments.append(clock.monotonic())

    await sleepers.run(*(call(throttle) for throttle in throttles for _ in range(calls)))
    assert len(moments) == tenants * calls
    return moments


def busiest(moments: list[float]) -> int:
    """Return the most calls in any 20 seconds."""
    ordered = sorted(moments)
    return max(sum(first <= other < first + WINDOW for other in ordered) for first in ordered[:400])


async def test_many_tenants_together_stay_below_the_limit_of_the_app(clock: TurnedClock) -> None:
    assert 1800 < busiest(await moments_of(clock, tenants=8, calls=400)) <= 2000


async def test_one_tenant_stays_below_its_own(clock: TurnedClock) -> None:
    assert 450 < busiest(await moments_of(clock, tenants=1, calls=900)) <= 500


async def test_the_tenants_of_one_app_registration_share_its_limit(mill: Mill) -> None:
    settings(mill)["tenantIds"] = [mill.world.tenant_id, mill.world.other_tenant_id]
    addin = view(mill.cluster.objects[ADDIN])
    credentials = await CredentialsReader(mill.cluster, mill.clock).read(addin)
    one, other = (mill.graph.get(addin, tenant, credentials) for tenant in addin.config.tenant_ids)
    assert one.throttle is not other.throttle
    assert one.throttle._shared is other.throttle._shared is not None


async def test_lists_of_many_tenants_are_asked_for_one_a_second(mill: Mill) -> None:
    await mill.run()
    settings(mill)["tenantIds"] = [mill.world.tenant_id, mill.world.other_tenant_id]
    await mill.compare()
    lists = mill.world.graph.requests["GET /v1.0/subscriptions 200"]
    assert lists >= 1
    assert sum(mill.slept) >= 2

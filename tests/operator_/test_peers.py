"""What went wrong with other products' subscriptions does not go wrong here.

Their other defects stand in ``tests/sync/test_peers.py``.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from operator_.mill import Mill, annotate, delete, settings
from outlook_addin_sandbox.serving import Fault


async def lose_an_answer(mill: Mill) -> None:
    mill.clock.turn(minutes=24)
    mill.world.graph.faults.rules = [Fault("PATCH /v1.0/subscriptions/*", lose_answer=True, times=1)]
    due = await mill.run()
    assert due is not None
    mill.clock.time = due
    await mill.run()


async def have_it_removed(mill: Mill) -> None:
    mill.world.graph.subscriptions.remove(mill.status["subscriptionId"])
    annotate(mill, "renew-requested", "subscriptionRemoved")
    await mill.run()


async def move(mill: Mill) -> None:
    settings(mill)["deploymentAddinEndpoint"] = "elsewhere"
    await mill.run()


async def forget(mill: Mill) -> None:
    mill.body["status"] = {}
    await mill.run()


@pytest.mark.parametrize("happens", [lose_an_answer, have_it_removed, move, forget])
async def test_unsubscribing_deletes_what_graph_has_whatever_happened_before(
    mill: Mill, happens: Callable[[Mill], Awaitable[None]]
) -> None:
    """Another product deletes the path of the resource in place of the subscription, which stays for ever."""
    await mill.run()
    await happens(mill)
    [live] = mill.live
    assert live.id == mill.status["subscriptionId"]
    delete(mill)
    await mill.run()
    assert (mill.live, mill.body["metadata"]["finalizers"]) == ([], [])


@pytest.mark.parametrize(("lifetime", "days", "renewals"), [("45m", 2, 120), ("144h", 90, 30)])
async def test_over_months_there_is_one_subscription_and_never_a_moment_without(
    mill: Mill, lifetime: str, days: int, renewals: int
) -> None:
    """Another product renews only what has expired, with a new subscription, and leaves the old ones."""
    settings(mill)["syncServer"]["subscriptionExpiration"] = lifetime
    due = await mill.run()
    [first] = mill.live
    end = mill.clock.now() + timedelta(days=days)
    while mill.clock.now() < end:
        assert due is not None
        assert first.expiration - due >= timedelta(minutes=10)
        mill.clock.time = due
        assert [each.id for each in mill.live] == [first.id]
        due = await mill.run()
    assert len(first.history) > renewals

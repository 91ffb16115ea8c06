"""Requests to renew that stem from lifecycle notifications."""

from operator_.mill import Mill, annotate


async def test_a_request_within_ten_minutes_after_a_renewal_counts_as_answered(mill: Mill) -> None:
    await mill.run()
    [live] = mill.live
    granted = live.expiration
    mill.clock.turn(minutes=3)
    mill.body["metadata"]["annotations"] = {"outlook-addin.dev/renew-requested": "t1"}
    await mill.run()
    assert mill.status["handledRenewRequest"] == "t1"
    assert live.expiration == granted
    mill.clock.turn(minutes=9)
    mill.body["metadata"]["annotations"] = {"outlook-addin.dev/renew-requested": "t2"}
    await mill.run()
    assert mill.status["handledRenewRequest"] == "t2"
    assert live.expiration > granted


async def test_a_removed_subscription_is_made_anew_even_right_after_a_renewal(mill: Mill) -> None:
    await mill.run()
    old = mill.status["subscriptionId"]
    mill.world.graph.subscriptions.remove(old)
    mill.clock.turn(minutes=1)
    annotate(mill, "renew-requested", "removed-1")
    await mill.run()
    [live] = mill.live
    assert mill.status["subscriptionId"] == live.id != old


async def test_mixed_and_repeated_requests_are_one_renewal_in_ten_minutes(mill: Mill) -> None:
    await mill.run()
    [live] = mill.live
    mill.clock.turn(minutes=11)
    for token in ("reauthorize-1", "reauthorize-1", "removed-1", "reauthorize-2", "removed-1"):
        annotate(mill, "renew-requested", token)
        mill.clock.turn(seconds=5)
        await mill.run()
    assert len(live.history) == 2
    assert [each.id for each in mill.live] == [live.id]
    assert live.reauthorized is None


async def test_a_request_that_was_carried_out_costs_nothing_when_it_is_seen_again(mill: Mill) -> None:
    annotate(mill, "renew-requested", "t")
    await mill.run()
    asked, before = sum(mill.world.graph.requests.values()), mill.writes
    mill.clock.turn(minutes=1)
    await mill.run()
    assert (sum(mill.world.graph.requests.values()), mill.writes) == (asked, before)

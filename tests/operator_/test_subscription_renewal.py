"""Hours in the life of a Graph subscription: renewals that succeed, fail and come back."""

from datetime import timedelta
from typing import Any

import pytest

from operator_.mill import BEN, KEY, Mill, add_ben
from outlook_addin_operator.status import format_time
from outlook_addin_sandbox.serving import Fault

REFUSALS: list[tuple[str, dict[str, Any], str, bool]] = [
    (
        "400, because the handshake fails",
        {"status": 400, "code": "InvalidRequest"},
        "NotificationUrlRefused",
        False,
    ),
    ("400, for another reason", {"status": 400, "code": "ExtensionError"}, "RequestRejected", True),
    ("401", {"status": 401, "code": "InvalidAuthenticationToken"}, "TokenRejected", False),
    ("403", {"status": 403, "code": "ErrorAccessDenied"}, "AccessDenied", True),
    ("429", {"status": 429, "code": "TooManyRequests", "retry_after": 30}, "Throttled", False),
    ("500", {"status": 500, "code": "InternalServerError"}, "GraphError", False),
    ("503", {"status": 503, "code": "ServiceUnavailable", "retry_after": 20}, "Throttled", False),
    ("no answer", {"lose_answer": True}, "GraphUnreachable", False),
]


async def test_a_routine_renewal_is_one_write_and_keeps_the_subscription_and_its_peace(mill: Mill) -> None:
    await mill.run()
    before, flipped = mill.writes, mill.status["conditions"][0]["lastTransitionTime"]
    [live] = mill.live
    told = list(mill.cluster.events)
    mill.clock.turn(minutes=24)
    await mill.run()
    assert mill.writes == before + 1
    assert [each.id for each in mill.live] == [live.id]
    assert len(live.history) == 2 or live.expiration == mill.clock.now() + timedelta(minutes=45)
    assert mill.status["conditions"][0]["lastTransitionTime"] == flipped
    assert mill.cluster.events == told


async def test_what_is_not_due_is_read_and_not_written(mill: Mill) -> None:
    await mill.run()
    before, asked = mill.writes, dict(mill.world.graph.requests)
    mill.clock.turn(minutes=5)
    await mill.run()
    assert mill.writes == before
    assert dict(mill.world.graph.requests) == asked


async def test_a_subscription_that_graph_forgot_is_made_anew_when_it_is_renewed(mill: Mill) -> None:
    await mill.run()
    old = mill.status["subscriptionId"]
    mill.world.graph.subscriptions.remove(old)
    mill.clock.turn(minutes=24)
    await mill.run()
    [live] = mill.live
    assert mill.status["subscriptionId"] == live.id != old
    assert mill.states()["Ready"] == ("True", "Subscribed")


async def test_a_failing_renewal_stays_ready_until_it_expires_and_then_recovers(mill: Mill) -> None:
    await mill.run()
    mill.clock.turn(minutes=24)
    mill.break_graph(status=503)
    next_time = await mill.run()
    assert mill.states()["Ready"] == ("True", "Subscribed")
    assert mill.states()["RenewalOverdue"] == ("True", "GraphError")
    assert mill.status["failedRenewals"] == 1
    assert next_time == mill.clock.now() + timedelta(seconds=10)
    while mill.status.get("subscriptionId"):
        assert next_time is not None
        mill.clock.time = next_time
        next_time = await mill.run()
    assert mill.states()["Ready"] == ("False", "GraphError")
    assert "RenewalOverdue" not in mill.states()
    assert "Stalled" not in mill.states()
    mill.mend_graph()
    for _ in range(2):  # the token of an hour ago is refused once
        assert next_time is not None
        mill.clock.time = next_time
        next_time = await mill.run()
    assert mill.states()["Ready"] == ("True", "Subscribed")
    assert mill.status["failedRenewals"] == 0
    assert "nextAttemptTime" not in mill.status


@pytest.mark.parametrize(
    ("sentence", "fault", "reason", "stalled"), REFUSALS, ids=[row[0] for row in REFUSALS]
)
async def test_a_renewal_that_is_refused_leaves_it_ready_and_says_why(
    mill: Mill, sentence: str, fault: dict[str, Any], reason: str, *, stalled: bool
) -> None:
    await mill.run()
    [live] = mill.live
    mill.clock.turn(minutes=24)
    mill.world.graph.faults.rules = [Fault(operation="PATCH /v1.0/subscriptions/*", **fault)]
    next_time = await mill.run()
    assert mill.states()["Ready"] == ("True", "Subscribed"), sentence
    assert mill.states()["RenewalOverdue"] == ("True", reason)
    assert ("Stalled" in mill.states()) == stalled
    assert next_time is not None
    assert next_time - mill.clock.now() == timedelta(seconds=fault.get("retry_after", 10))
    assert [each.id for each in mill.live] == [live.id]
    mill.mend_graph()
    mill.clock.time = next_time
    await mill.run()
    assert "RenewalOverdue" not in mill.states()
    assert [each.id for each in mill.live] == [live.id]


async def test_a_pause_after_a_failure_survives_a_restart_and_ends_when_the_cause_goes(mill: Mill) -> None:
    mill.break_graph(status=503)
    await mill.run()
    asked = sum(mill.world.graph.requests.values())
    assert await mill.run() == mill.clock.now() + timedelta(seconds=10)
    assert sum(mill.world.graph.requests.values()) == asked
    mill.mend_graph()
    mill.agenda._retry.add(KEY)
    await mill.run()
    assert mill.states()["Ready"] == ("True", "Subscribed")


async def test_graph_says_how_long_to_wait(mill: Mill) -> None:
    mill.break_graph(status=429, code="TooManyRequests", retry_after=300)
    assert await mill.run() == mill.clock.now() + timedelta(seconds=300)
    assert mill.states()["Ready"] == ("False", "Throttled")


async def test_what_a_tenant_is_asked_to_wait_for_holds_for_all_its_mailboxes_and_is_written_once(
    mill: Mill,
) -> None:
    ben = add_ben(mill)
    mill.break_graph(status=429, code="TooManyRequests", retry_after=60)
    await mill.run()
    asked = sum(mill.world.graph.requests.values())
    before = ben["metadata"]["resourceVersion"]
    again = await mill.run(BEN)
    assert sum(mill.world.graph.requests.values()) == asked
    assert again == mill.clock.now() + timedelta(seconds=60)
    mill.mend_graph()
    mill.clock.turn(seconds=60)
    await mill.run(BEN)
    assert len(mill.live) == 1
    assert int(before) < int(ben["metadata"]["resourceVersion"])


async def test_the_first_success_after_an_outage_ends_everybodys_pause(mill: Mill) -> None:
    ben = add_ben(mill)
    mill.break_graph(status=503)
    for _ in range(5):
        for key in (KEY, BEN):
            await mill.run(key)
        mill.clock.turn(minutes=3)
    mill.inventory.put_subscription(ben, BEN.kind)
    assert ben["status"]["failedRenewals"] == 5
    mill.mend_graph()
    mill.woken.clear()
    await mill.run()
    assert mill.states()["Ready"] == ("True", "Subscribed")
    assert mill.woken == [BEN]
    mill.clock.turn(seconds=1)
    await mill.run(BEN)
    assert len(mill.live) == 2


async def test_a_mailbox_that_graph_knows_no_more_is_said_to_be_missing(mill: Mill) -> None:
    await mill.run()
    mill.world.graph.subscriptions.remove(mill.status["subscriptionId"])
    del mill.world.graph.mailboxes[mill.agent.user_id]
    mill.clock.turn(minutes=24)
    await mill.run()
    assert mill.states()["Stalled"] == ("True", "MailboxNotFound")
    assert "subscriptionId" not in mill.status


async def test_one_that_expired_while_no_operator_ran_is_made_anew(mill: Mill) -> None:
    await mill.run()
    old = mill.status["subscriptionId"]
    mill.clock.turn(days=2)
    assert not mill.live
    await mill.run()
    if mill.states()["Ready"] != ("True", "Subscribed"):  # the token of two days ago is refused once
        mill.clock.turn(seconds=10)
        await mill.run()
    [live] = mill.live
    assert mill.status["subscriptionId"] == live.id != old
    assert mill.status["failedRenewals"] == 0


async def test_a_pause_that_a_wrong_clock_wrote_down_is_none(mill: Mill) -> None:
    mill.break_graph(status=503)
    await mill.run()
    mill.status["nextAttemptTime"] = format_time(mill.clock.now() + timedelta(days=365))
    mill.mend_graph()
    await mill.run()
    assert mill.states()["Ready"] == ("True", "Subscribed")

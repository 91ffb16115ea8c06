"""The ledger by which the chaos run is judged."""

from datetime import UTC, datetime, timedelta

from bench.chaos.ledger import Gap, Ledger, Life, gaps
from outlook_addin_sandbox.graph import Subscription
from outlook_addin_sandbox.graph.faults import GraphFaults
from outlook_addin_sandbox.graph.subscriptions import SubscriptionStore

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def subscription(name: str, expires: float) -> Subscription:
    return Subscription(
        id=name,
        application_id="app",
        tenant_id="tenant",
        creator_id="app",
        change_type="updated",
        resource="users/u/events",
        user_id="u",
        calendar_id=None,
        notification_url="https://x",
        lifecycle_url=None,
        client_state=None,
        expiration=at(expires),
        immutable_ids=True,
    )


def life(begins: float, expires: float, removed: float | None = None) -> Life:
    return Life(subscription("s", expires), at(begins), None if removed is None else at(removed))


def test_an_unbroken_life_has_no_gap() -> None:
    assert gaps("u", [life(0, 60)], at(30)) == []


def test_what_ran_out_is_a_gap_that_nobody_announced() -> None:
    assert gaps("u", [life(0, 10), life(12, 60)], at(30)) == [Gap("u", at(10), at(12), announced=False)]


def test_what_ran_out_and_never_came_back_is_a_gap_to_the_end() -> None:
    assert gaps("u", [life(0, 10)], at(30)) == [Gap("u", at(10), at(30), announced=False)]


def test_what_was_removed_and_made_anew_is_a_replacement() -> None:
    [gap] = gaps("u", [life(0, 60, removed=20), life(20.1, 80)], at(30))
    assert gap.announced
    assert gap.seconds == 6


def test_what_expired_and_was_cleared_away_later_is_no_replacement() -> None:
    [gap] = gaps("u", [life(0, 10, removed=15), life(16, 60)], at(30))
    assert not gap.announced
    assert gap.begins == at(10)


def test_a_store_is_listened_to_and_works_as_before() -> None:
    clock = [at(0)]
    store = SubscriptionStore(GraphFaults(), lambda: clock[0])
    ledger = Ledger(store)
    store.add(subscription("first", 60))
    clock[0] = at(10)
    store.remove("first")
    clock[0] = at(11)
    store.add(subscription("second", 60))
    assert [each.id for each in store.values()] == ["second"]
    assert [gap.seconds for gap in ledger.gaps(at(20))] == [60]
    assert (ledger.overlaps(), ledger.made()) == (0, 2)
    assert ledger.was_live("u", at(5))
    assert not ledger.was_live("u", at(10.5))
    store.add(subscription("double", 60))
    assert ledger.overlaps() == 1

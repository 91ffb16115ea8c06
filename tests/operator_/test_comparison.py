"""What Graph lists, compared with what should be there."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from operator_.mill import BEN, KEY, UID, Mill, add_ben
from outlook_addin_operator.addin.spec import AddinView
from outlook_addin_operator.keys import Key
from outlook_addin_operator.subscription.inspector import STEP
from outlook_addin_sandbox.graph import Subscription
from outlook_addin_sandbox.serving import Fault


def copy_of(live: Subscription, **changes: Any) -> Subscription:
    return Subscription(**{**vars(live), "history": [], **changes})


async def test_orphans_of_ours_are_removed_and_everything_foreign_stays(mill: Mill) -> None:
    add_ben(mill)
    await mill.run()
    await mill.run(BEN)
    [anna, ben] = mill.live
    elsewhere = ben.notification_url.replace(UID, "another-installation")
    third = mill.world.agents[2].user_id
    foreign = copy_of(ben, id="foreign", user_id=third, resource=f"users/{third}/events")
    foreign.notification_url = elsewhere
    other_kind = copy_of(ben, id="mail", resource=f"users/{third}/messages")
    for each in (foreign, other_kind):
        mill.world.graph.subscriptions.add(each)
    del mill.cluster.objects[BEN]
    await mill.compare()
    assert sorted(each.id for each in mill.live) == sorted([anna.id, "foreign", "mail"])
    assert mill.metrics.orphans._value.get() == 1


async def test_a_second_one_of_ours_for_a_mailbox_is_removed(mill: Mill) -> None:
    await mill.run()
    [live] = mill.live
    mill.world.graph.subscriptions.add(copy_of(live, id="surplus", change_type="updated"))
    await mill.compare()
    assert [each.id for each in mill.live] == [live.id]


async def test_one_of_ours_that_an_object_is_about_to_adopt_is_left_alone(mill: Mill) -> None:
    await mill.run()
    [live] = mill.live
    mill.body["status"] = {}
    mill.inventory.drop_subscription(KEY)
    place = Key("OutlookAddin", "bank", "addin")
    mill.inventory.put_addin(place, mill.world.client_id)
    await mill.inspector._each(mill.inspector.compare)
    assert [each.id for each in mill.live] == [live.id]


async def test_missing_ones_are_looked_at_and_made_anew(mill: Mill) -> None:
    add_ben(mill)
    await mill.run()
    await mill.run(BEN)
    old = mill.status["subscriptionId"]
    mill.world.graph.subscriptions.remove(old)
    await mill.compare()
    assert mill.woken[-1] == KEY
    await mill.run()
    assert mill.status["subscriptionId"] != old
    assert len(mill.live) == 2


async def test_a_list_that_forgot_some_changes_nothing(mill: Mill) -> None:
    await mill.run()
    [live] = mill.live
    before = mill.writes
    mill.agenda.check(KEY)
    mill.clock.turn(minutes=1)
    await mill.run()
    assert [each.id for each in mill.live] == [live.id]
    assert mill.writes == before


async def test_an_empty_list_makes_nothing_anew(mill: Mill) -> None:
    await mill.run()
    mill.world.graph.faults.list_is_empty = True
    woken = list(mill.woken)
    await mill.compare()
    assert mill.woken == woken
    assert len(mill.live) == 1
    assert mill.metrics.compared.labels("implausible")._value.get() == 1


async def test_a_list_that_fails_changes_nothing(mill: Mill) -> None:
    await mill.run()
    mill.world.graph.faults.rules = [Fault(operation="GET /v1.0/subscriptions", status=429)]
    await mill.compare()
    assert len(mill.live) == 1
    assert mill.metrics.compared.labels("failed")._value.get() == 1


async def test_the_list_is_read_slowly(mill: Mill) -> None:
    await mill.run()
    [live] = mill.live
    for number in range(100):
        other = copy_of(live, id=f"foreign-{number}", notification_url="https://elsewhere.example")
        mill.world.graph.subscriptions.add(other)
    mill.world.graph.faults.page_size = STEP
    await mill.compare()
    pages = mill.world.graph.requests["GET /v1.0/subscriptions 200"]
    assert sum(mill.slept) >= pages - 1


async def test_the_comparison_comes_round_and_not_before_its_time(mill: Mill) -> None:
    await mill.run()
    await mill.compare()
    asked: list[datetime] = []

    async def sleep(seconds: float) -> None:
        mill.clock.turn(seconds=seconds)
        if mill.clock.now() - began > timedelta(hours=2, minutes=30):
            raise TimeoutError

    async def compare(_addin: AddinView, _key: Key) -> None:
        asked.append(mill.clock.now())

    began = mill.clock.now()
    mill.inspector._sleep = sleep
    vars(mill.inspector)["compare"] = compare
    with pytest.raises(TimeoutError):
        await mill.inspector.run()
    assert [moment - began for moment in asked] == [timedelta(hours=1), timedelta(hours=2)]


async def test_what_graph_lists_may_be_odd_and_hides_nothing_else(mill: Mill) -> None:
    await mill.run()
    [live] = mill.live
    for number, url in enumerate(("https://[odd", "", "https://x.example/?installation")):
        mill.world.graph.subscriptions.add(copy_of(live, id=f"odd-{number}", notification_url=url))
    mill.world.graph.subscriptions.add(copy_of(live, id="surplus", change_type="updated"))
    await mill.compare()
    assert sorted(each.id for each in mill.live) == sorted([live.id, "odd-0", "odd-1", "odd-2"])

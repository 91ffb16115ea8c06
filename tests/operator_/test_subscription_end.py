"""Suspended, switched off, idle, deleted: how a Graph subscription ends, or is left behind."""

from datetime import timedelta

import pytest

from operator_.mill import BEN, KEY, Mill, add_ben, annotate, delete, settings
from outlook_addin_operator.keys import Key
from outlook_addin_operator.subscription.plan import last_needed


async def test_a_suspended_one_is_left_to_run_out_and_is_made_again_when_it_goes_on(mill: Mill) -> None:
    await mill.run()
    mill.body["spec"]["suspend"] = True
    mill.clock.turn(minutes=30)
    await mill.run()
    assert mill.states()["Ready"] == ("True", "Suspended")
    mill.clock.turn(minutes=20)
    await mill.run()
    assert mill.states()["Ready"] == ("False", "Suspended")
    assert not mill.live
    mill.body["spec"]["suspend"] = False
    await mill.run()
    assert mill.states()["Ready"] == ("True", "Subscribed")


async def test_switching_synchronisation_off_and_on_gives_up_and_makes_anew(mill: Mill) -> None:
    await mill.run()
    settings(mill)["syncServer"]["enabled"] = False
    await mill.run()
    assert mill.states()["Stalled"] == ("True", "SyncDisabled")
    assert not mill.live
    settings(mill)["syncServer"]["enabled"] = True
    await mill.run()
    assert mill.states()["Ready"] == ("True", "Subscribed")
    assert "Stalled" not in mill.states()


@pytest.mark.parametrize(
    ("sentence", "labels", "needed", "retention", "retired"),
    [
        ("idle for longer than 30 days", {"managed-by": "outlook-addin-web"}, 31, None, True),
        ("idle for less", {"managed-by": "outlook-addin-web"}, 29, None, False),
        ("idle for longer than the spec says", {"managed-by": "outlook-addin-web"}, 3, "48h", True),
        ("made by hand", {}, 400, None, False),
        ("never said to be needed", {"managed-by": "outlook-addin-web"}, None, None, False),
    ],
)
async def test_a_mailbox_that_nobody_needs_is_retired(
    mill: Mill,
    sentence: str,
    labels: dict[str, str],
    needed: int | None,
    retention: str | None,
    *,
    retired: bool,
) -> None:
    await mill.run()
    mill.body["metadata"]["labels"] = {f"app.kubernetes.io/{key}": text for key, text in labels.items()}
    if needed is not None:
        annotate(mill, "last-needed", (mill.clock.now() - timedelta(days=needed)).date().isoformat())
    if retention is not None:
        settings(mill)["syncServer"]["idleSubscriptionRetention"] = retention
    await mill.run()
    assert bool(mill.body["metadata"].get("deletionTimestamp")) == retired, sentence
    if retired:
        assert mill.cluster.events[-1] == "Idle"
        delete(mill)
        await mill.run()
        assert not mill.live
        assert mill.body["metadata"]["finalizers"] == []


def test_a_moment_that_nobody_can_read_retires_nothing() -> None:
    assert last_needed("soon") is None
    assert last_needed(None) is None


async def test_a_deletion_removes_the_graph_subscription_and_then_the_finalizer(mill: Mill) -> None:
    await mill.run()
    mill.body["metadata"]["deletionTimestamp"] = mill.clock.now().isoformat()
    mill.break_graph(status=503)
    await mill.run()
    assert mill.body["metadata"]["finalizers"]
    mill.mend_graph()
    await mill.run()
    assert not mill.live
    assert mill.body["metadata"]["finalizers"] == []


async def test_a_deletion_without_its_add_in_ends_with_a_word(mill: Mill) -> None:
    await mill.run()
    mill.body["metadata"]["deletionTimestamp"] = mill.clock.now().isoformat()
    del mill.cluster.objects[Key("OutlookAddin", "bank", "addin")]
    await mill.run()
    assert mill.body["metadata"]["finalizers"]
    mill.clock.turn(minutes=2)
    await mill.run()
    assert mill.body["metadata"]["finalizers"] == []
    assert mill.cluster.events[-1] == "SubscriptionAbandoned"


async def test_an_orphan_on_demand_stays_at_graph_and_is_not_cleared_away(mill: Mill) -> None:
    await mill.run()
    [live] = mill.live
    mill.body["spec"]["deletionPolicy"] = "Orphan"
    delete(mill)
    await mill.run()
    del mill.cluster.objects[KEY]
    await mill.compare()
    assert [each.id for each in mill.live] == [live.id]


async def test_a_duplicate_whose_elder_is_gone_unnoticed_takes_over(mill: Mill) -> None:
    twin = add_ben(mill)
    twin["spec"]["userId"] = mill.agent.user_id
    await mill.run()
    for key in (KEY, BEN):
        mill.inventory.put_subscription(mill.cluster.objects[key], key.kind)
    await mill.run(BEN)
    assert twin["status"]["conditions"][0]["reason"] == "Duplicate"
    mill.world.graph.subscriptions.remove(mill.status["subscriptionId"])
    del mill.cluster.objects[KEY]  # and no watch says so
    await mill.run(BEN)
    assert [each.user_id for each in mill.live] == [mill.agent.user_id]

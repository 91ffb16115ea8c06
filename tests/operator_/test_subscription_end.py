"""Suspended, switched off, idle, deleted: how a Graph subscription ends, or is left behind."""

from datetime import timedelta

import pytest

from operator_.mill import (
    ADDIN,
    BEN,
    KEY,
    NEW_SECRET,
    UID,
    Mill,
    add_ben,
    annotate,
    delete,
    put_key,
    settings,
)
from outlook_addin_core.domain import client_state
from outlook_addin_operator.addin.spec import view
from outlook_addin_operator.credentials import CredentialsReader
from outlook_addin_operator.keys import Key
from outlook_addin_operator.subscription.plan import last_needed
from outlook_addin_sandbox.graph import Subscription


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


async def test_a_tenant_that_is_not_listed_any_more_is_given_up(mill: Mill) -> None:
    await mill.run()
    settings(mill)["tenantIds"] = [mill.world.other_tenant_id]
    await mill.run()
    assert mill.states()["Stalled"] == ("True", "TenantNotAllowed")
    assert not mill.live
    assert "subscriptionId" not in mill.status


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


@pytest.mark.parametrize("text", ["soon", None, "9999-12-31", "9999-12-31T23:59:59-01:00"])
def test_a_moment_that_nobody_can_read_or_live_to_see_retires_nothing(text: str | None) -> None:
    assert last_needed(text) is None


async def test_a_mailbox_that_is_needed_for_ever_is_renewed(mill: Mill) -> None:
    await mill.run()
    mill.body["metadata"]["labels"] = {"app.kubernetes.io/managed-by": "outlook-addin-web"}
    annotate(mill, "last-needed", "9999-12-30")
    mill.clock.turn(minutes=24)
    await mill.run()
    [live] = mill.live
    assert live.expiration == mill.clock.now() + timedelta(minutes=45)


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
    del mill.cluster.objects[ADDIN]
    await mill.run()
    assert mill.body["metadata"]["finalizers"]
    mill.clock.turn(minutes=2)
    await mill.run()
    assert mill.body["metadata"]["finalizers"] == []
    assert mill.cluster.events[-1] == "SubscriptionAbandoned"


async def leave_behind(mill: Mill) -> Subscription:
    """Delete the object with deletionPolicy Orphan."""
    await mill.run()
    [live] = mill.live
    mill.body["spec"]["deletionPolicy"] = "Orphan"
    delete(mill)
    await mill.run()
    return live


async def test_an_orphan_on_demand_stays_at_graph_also_after_a_restart(mill: Mill) -> None:
    live = await leave_behind(mill)
    del mill.cluster.objects[KEY]
    again = mill.restarted()
    await again.compare()
    assert [each.id for each in mill.live] == [live.id]
    assert live.expiration > mill.clock.now()


async def test_an_orphan_is_taken_over_by_a_new_object_with_the_key_of_today(mill: Mill) -> None:
    live = await leave_behind(mill)
    successor = {**mill.body, "metadata": {**mill.body["metadata"], "uid": "uid-new", "finalizers": []}}
    del successor["metadata"]["deletionTimestamp"], successor["status"]
    mill.cluster.put(successor)
    put_key(mill, NEW_SECRET)
    again = mill.restarted()
    await again.run()
    [new] = mill.live
    assert again.states()["Ready"] == ("True", "Subscribed")
    assert new.id == again.status["subscriptionId"] != live.id
    assert new.notification_url == again.status["notificationUrl"]
    assert new.notification_url.endswith(f"?installation={UID}")
    assert client_state.verify([NEW_SECRET], new.client_state or "") is not None


async def test_an_orphan_is_marked_as_soon_as_graph_can_be_reached_and_let_go_in_the_end(mill: Mill) -> None:
    await mill.run()
    [live] = mill.live
    mill.body["spec"]["deletionPolicy"] = "Orphan"
    delete(mill)
    mill.break_graph(status=503)
    assert await mill.run() == mill.clock.now() + timedelta(seconds=5)
    assert mill.body["metadata"]["finalizers"]
    mill.mend_graph()
    await mill.run()
    assert mill.body["metadata"]["finalizers"] == []
    assert "orphaned=true" in live.notification_url


async def test_an_orphan_that_cannot_be_marked_holds_nobody_up(mill: Mill) -> None:
    await mill.run()
    mill.body["spec"]["deletionPolicy"] = "Orphan"
    delete(mill)
    mill.break_graph(status=503)
    mill.clock.turn(minutes=6)
    await mill.run()
    assert mill.body["metadata"]["finalizers"] == []
    assert mill.cluster.events[-1] == "SubscriptionAbandoned"


async def test_an_orphan_without_its_add_in_is_let_go_at_once(mill: Mill) -> None:
    await mill.run()
    mill.body["spec"]["deletionPolicy"] = "Orphan"
    delete(mill)
    del mill.cluster.objects[ADDIN]
    await mill.run()
    assert mill.body["metadata"]["finalizers"] == []


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


SECRET = Key("Secret", "bank", "outlook-addin-secrets")


async def test_a_secret_that_goes_together_with_the_object_still_serves_to_clean_up(mill: Mill) -> None:
    await mill.run()
    for place in (SECRET, Key("ConfigMap", "bank", "ca")):
        del mill.cluster.objects[place]
    mill.clock.turn(minutes=2)
    delete(mill)
    await mill.run()
    assert not mill.live
    assert mill.body["metadata"]["finalizers"] == []


async def test_a_secret_that_goes_together_with_the_outlook_addin_still_serves_to_clean_up(
    mill: Mill,
) -> None:
    await mill.run()
    del mill.cluster.objects[SECRET]
    mill.clock.turn(minutes=2)
    delete(mill, ADDIN)
    await mill.run()
    assert not mill.live
    assert mill.states()["Stalled"] == ("True", "AddinNotFound")


async def test_a_secret_that_was_deleted_is_not_used_for_anything_else(mill: Mill) -> None:
    await mill.run()
    del mill.cluster.objects[SECRET]
    mill.clock.turn(minutes=24)
    await mill.run()
    assert mill.states()["RenewalOverdue"] == ("True", "SecretNotFound")


async def test_the_connections_of_an_add_in_that_is_gone_are_closed(mill: Mill) -> None:
    await mill.run_addin()
    addin = mill.cluster.objects[ADDIN]
    meaning = view(addin)
    credentials = await CredentialsReader(mill.cluster, mill.clock).read(meaning)
    client = mill.graph.get(meaning, mill.world.tenant_id, credentials).client
    del mill.cluster.objects[KEY]
    addin["metadata"]["deletionTimestamp"] = "2026-11-01T00:00:00Z"
    await mill.addins.reconcile(ADDIN)
    mill.clock.turn(minutes=6)
    await mill.graph.close_retired()
    assert client.is_closed

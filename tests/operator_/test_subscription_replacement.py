"""What Graph cannot change in place: another address, another webhook key; and the sweep afterwards."""

from datetime import timedelta
from typing import Any

from operator_.mill import ADDIN, BEN, KEY, NEW_SECRET, SECRET, Mill, add_ben, put_key, settings
from outlook_addin_core.domain import client_state
from outlook_addin_core.domain.mailbox import Mailbox
from outlook_addin_operator.addin.objects.deployment import CONFIG_HASH
from outlook_addin_operator.addin.plan import config_hash
from outlook_addin_operator.addin.spec import view
from outlook_addin_operator.credentials import CredentialsReader
from outlook_addin_operator.keys import Key
from outlook_addin_operator.ratelimit import Throttle
from outlook_addin_sandbox.serving import Fault


async def roll_out(mill: Mill) -> None:
    """Let all pods run with what the configuration is now."""
    addin = view(mill.cluster.objects[ADDIN])
    credentials = await CredentialsReader(mill.cluster, mill.clock).read(addin)
    assert credentials.webhook_key is not None
    digest = config_hash(addin, credentials, credentials.webhook_key)
    deployment = mill.cluster.objects[Key("Deployment", "bank", "addin")]
    deployment["spec"] = {"replicas": 1, "template": {"metadata": {"annotations": {CONFIG_HASH: digest}}}}
    numbers = dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas"), 1)
    deployment["status"] |= {"observedGeneration": 1, **numbers}


async def test_a_moved_add_in_moves_both_addresses_in_one_go(mill: Mill) -> None:
    await mill.run()
    spec = mill.cluster.objects[Key("OutlookAddin", "bank", "addin")]["spec"]
    spec["deploymentAddinEndpoint"] = "elsewhere"
    await mill.run()
    [live] = mill.live
    assert "/elsewhere/graph/notifications" in live.notification_url
    assert "/elsewhere/graph/lifecycle" in (live.lifecycle_url or "")
    assert mill.status["subscriptionId"] == live.id
    assert mill.status["notificationUrl"] == live.notification_url


async def test_a_move_to_where_nobody_answers_keeps_the_old_place(mill: Mill) -> None:
    await mill.run()
    [live] = mill.live
    mill.world.graph.faults.validate_on_renewal = True
    mill.cluster.objects[Key("OutlookAddin", "bank", "addin")]["spec"]["deploymentUrl"] = (
        "http://x.localhost:9"
    )
    await mill.run()
    assert [each.id for each in mill.live] == [live.id]
    assert mill.states()["Ready"] == ("True", "Subscribed")
    assert mill.status["subscriptionId"] == live.id


async def test_a_replacement_that_stumbles_is_tried_again_within_seconds(mill: Mill) -> None:
    await mill.run()
    mill.world.graph.faults.rules = [Fault(operation="POST /v1.0/subscriptions", status=503, times=2)]
    settings(mill)["deploymentAddinEndpoint"] = "elsewhere"
    await mill.run()
    [live] = mill.live
    assert "/elsewhere/" in live.notification_url
    assert mill.states()["Ready"] == ("True", "Subscribed")
    assert mill.status["failedRenewals"] == 0


async def test_a_new_key_is_carried_at_once_but_not_before_every_web_server_knows_it(mill: Mill) -> None:
    await roll_out(mill)
    await mill.run()
    [old] = mill.live
    mailbox = Mailbox(mill.agent.tenant_id, mill.agent.user_id)
    put_key(mill, NEW_SECRET, SECRET)
    await mill.run()
    assert [each.id for each in mill.live] == [old.id]
    assert mill.states()["Ready"] == ("True", "Subscribed")
    await roll_out(mill)
    await mill.run()
    [new] = mill.live
    assert new.id != old.id
    assert client_state.verify([NEW_SECRET], new.client_state or "") == mailbox
    assert client_state.verify([SECRET], old.client_state or "") == mailbox
    before = mill.writes
    mill.clock.turn(minutes=1)
    await mill.run()
    assert mill.writes == before
    assert mill.metrics.replacement_gap._sum.get() < 10


async def test_a_routine_renewal_keeps_the_key_that_a_subscription_carries(mill: Mill) -> None:
    await roll_out(mill)
    await mill.run()
    carried = mill.status["webhookKeyId"]
    put_key(mill, NEW_SECRET, SECRET)
    mill.clock.turn(minutes=24)
    await mill.run()
    assert mill.status["webhookKeyId"] == carried


async def test_who_carries_an_old_key_is_woken(mill: Mill) -> None:
    await mill.run()
    await mill.compare()
    await mill.inspector._each(mill.inspector.notice_keys)
    assert KEY not in mill.woken
    put_key(mill, NEW_SECRET, SECRET)
    await mill.inspector._each(mill.inspector.notice_keys)
    assert KEY in mill.woken


async def test_what_was_made_anew_is_swept_and_many_replacements_ask_once(mill: Mill) -> None:
    add_ben(mill)
    await mill.run()
    await mill.run(BEN)
    await mill.inspector.ask_for_sweeps()
    assert "annotations" not in mill.cluster.objects[ADDIN]["metadata"]
    settings(mill)["deploymentAddinEndpoint"] = "elsewhere"
    for key in (KEY, BEN):
        await mill.run(key)
    assert mill.agenda.take_sweeps() == {ADDIN}
    mill.agenda.want_sweep(ADDIN)
    await mill.inspector.ask_for_sweeps()
    asked = mill.cluster.objects[ADDIN]["metadata"]["annotations"]
    assert asked["outlook-addin.dev/sync-requested"] == mill.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")


async def test_a_routine_renewal_asks_for_no_sweep(mill: Mill) -> None:
    await mill.run()
    mill.clock.turn(minutes=24)
    await mill.run()
    assert mill.agenda.take_sweeps() == set()


async def two_with_a_new_key(mill: Mill) -> list[str]:
    """Bring two mailboxes to where both are to be replaced; returns the ids of what they have."""
    add_ben(mill)
    await roll_out(mill)
    for key in (KEY, BEN):
        await mill.run(key)
    put_key(mill, NEW_SECRET, SECRET)
    mill.clock.turn(minutes=2)
    await roll_out(mill)
    return [each.id for each in mill.live]


def break_requests(mill: Mill, *operations: str, **fault: Any) -> None:
    mill.world.graph.faults.rules = [Fault(operation=operation, **fault) for operation in operations]


async def test_nothing_is_deleted_while_graph_does_not_answer(mill: Mill) -> None:
    old = await two_with_a_new_key(mill)
    break_requests(mill, "GET /v1.0/subscriptions/*", "POST /v1.0/subscriptions", status=503)
    await mill.run()
    assert [each.id for each in mill.live] == old
    assert mill.states()["Ready"] == ("True", "Subscribed")
    assert mill.status["subscriptionId"] == old[0]


async def test_what_was_deleted_is_tried_for_a_minute_before_anything_else(mill: Mill) -> None:
    old = await two_with_a_new_key(mill)
    break_requests(mill, "POST /v1.0/subscriptions", status=503, times=8)
    began = mill.clock.now()
    await mill.run()
    assert mill.states()["Ready"] == ("True", "Subscribed")
    assert mill.status["subscriptionId"] not in old
    assert mill.status["failedRenewals"] == 0
    assert mill.clock.now() - began < timedelta(seconds=30)


async def test_what_graph_asks_to_wait_is_waited_for(mill: Mill) -> None:
    await two_with_a_new_key(mill)
    break_requests(mill, "POST /v1.0/subscriptions", status=429, retry_after=7, times=1)
    await mill.run()
    assert mill.slept == [7.0]
    assert mill.states()["Ready"] == ("True", "Subscribed")


async def test_one_mailbox_goes_first_and_nobody_follows_while_it_has_nothing(mill: Mill) -> None:
    [anna, ben] = await two_with_a_new_key(mill)
    break_requests(mill, "POST /v1.0/subscriptions", status=503)
    await mill.run()
    assert [each.id for each in mill.live] == [ben]
    assert mill.states()["Ready"] == ("False", "GraphError")
    assert sum(mill.slept) <= 60
    before = mill.cluster.objects[BEN]["metadata"]["resourceVersion"]
    assert await mill.run(BEN) == mill.clock.now() + timedelta(seconds=10)
    assert [each.id for each in mill.live] == [ben]
    assert mill.cluster.objects[BEN]["metadata"]["resourceVersion"] == before
    mill.mend_graph()
    mill.clock.turn(seconds=11)
    await mill.run()
    await mill.run(BEN)
    assert len(mill.live) == 2
    assert not {anna, ben} & {each.id for each in mill.live}
    assert mill.states()["Ready"] == ("True", "Subscribed")


async def test_an_add_in_that_moves_while_nothing_can_be_made_loses_one_mailbox(
    mill: Mill,
) -> None:
    add_ben(mill)
    for key in (KEY, BEN):
        await mill.run(key)
    mill.clock.turn(minutes=2)
    settings(mill)["deploymentAddinEndpoint"] = "elsewhere"
    break_requests(mill, "POST /v1.0/subscriptions", status=503)
    for key in (KEY, BEN):
        await mill.run(key)
    assert len(mill.live) == 1
    assert mill.cluster.objects[BEN]["status"]["conditions"][0]["status"] == "True"


async def test_the_gap_does_not_wait_for_the_rate_limit(mill: Mill) -> None:
    await two_with_a_new_key(mill)
    addin = view(mill.cluster.objects[ADDIN])
    credentials = await CredentialsReader(mill.cluster, mill.clock).read(addin)
    access = mill.graph.get(addin, mill.agent.tenant_id, credentials)
    access.throttle = Throttle(mill.clock, rate=0.1, burst=1, sleep=mill._let_pass)
    await mill.run()
    assert mill.states()["Ready"] == ("True", "Subscribed")
    assert sum(mill.slept) >= 10
    assert mill.metrics.replacement_gap._sum.get() < 1


async def test_an_add_in_that_moves_after_a_crash_finds_what_was_made_before_it(mill: Mill) -> None:
    await mill.run()
    mill.status["subscriptionId"] = "forgotten"  # a newer one was made, and the status of it was lost
    mill.clock.turn(minutes=2)
    settings(mill)["deploymentAddinEndpoint"] = "elsewhere"
    await mill.run()
    [live] = mill.live
    assert mill.status["subscriptionId"] == live.id
    assert "/elsewhere/" in live.notification_url


async def test_a_replacement_after_a_crash_finds_what_was_left_behind(mill: Mill) -> None:
    [_, _] = await two_with_a_new_key(mill)
    [anna, _] = mill.live
    mill.status["subscriptionId"] = "forgotten"
    anna.notification_url += "&orphaned=true"
    await mill.run()
    assert mill.states()["Ready"] == ("True", "Subscribed")
    new = mill.world.graph.subscriptions.get(mill.status["subscriptionId"])
    assert new is not None
    assert new.notification_url == mill.status["notificationUrl"]


async def test_a_token_that_is_refused_once_does_not_leave_a_mailbox_without(mill: Mill) -> None:
    await two_with_a_new_key(mill)
    break_requests(mill, "POST /v1.0/subscriptions", status=401, times=1)
    await mill.run()
    assert mill.states()["Ready"] == ("True", "Subscribed")
    assert mill.status["failedRenewals"] == 0

"""The rarer turns in the life of a subscription, each against the simulated Graph with a clock to turn.

The everyday ones stand in ``test_subscription_over_time.py``; docs/subscriptions.md names a test for each.
"""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from operator_.conftest import free_port
from operator_.test_subscription_over_time import KEY, SECRET, UID, Mill, TurnedClock
from outlook_addin_core.domain import client_state
from outlook_addin_core.domain.mailbox import Mailbox
from outlook_addin_operator.addin.objects import webhook_key
from outlook_addin_operator.addin.objects.deployment import CONFIG_HASH
from outlook_addin_operator.addin.plan import config_hash
from outlook_addin_operator.addin.spec import AddinView, Owner, view
from outlook_addin_operator.credentials import CredentialsReader
from outlook_addin_operator.keys import Key
from outlook_addin_operator.lease_keeper import NotLeadingError
from outlook_addin_operator.subscription.inspector import STEP
from outlook_addin_operator.subscription.plan import last_needed
from outlook_addin_sandbox.graph import Subscription
from outlook_addin_sandbox.serving import Fault
from outlook_addin_sandbox.world import World, WorldSettings

ADDIN = Key("OutlookAddin", "bank", "addin")
BEN = Key("CalendarSubscription", "bank", "ben")
NEW_SECRET = bytes(range(1, 33))


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock()


@pytest.fixture
async def mill(clock: TurnedClock, endpoint: str) -> AsyncIterator[Mill]:
    async with World.start(WorldSettings(now=clock.now)) as world:
        mill = Mill(world, clock, endpoint)
        yield mill
        await mill.graph.aclose()


def add_ben(mill: Mill, **metadata: Any) -> dict[str, Any]:
    """Add the object of a second mailbox."""
    agent = mill.world.agents[1]
    made = {"uid": "uid-ben", "generation": 1, "creationTimestamp": "2026-11-02T00:00:00Z"}
    body: dict[str, Any] = {
        "apiVersion": "outlook-addin.dev/v1alpha1",
        "kind": "CalendarSubscription",
        "metadata": {"name": "ben", "namespace": "bank", **made, **metadata},
        "spec": {"addinRef": {"name": "addin"}, "tenantId": agent.tenant_id, "userId": agent.user_id},
    }
    mill.cluster.put(body)
    return body


def settings(mill: Mill) -> dict[str, Any]:
    spec: dict[str, Any] = mill.cluster.objects[ADDIN]["spec"]
    return spec


def annotate(mill: Mill, name: str, value: str) -> None:
    mill.body["metadata"].setdefault("annotations", {})[f"outlook-addin.dev/{name}"] = value


def delete(mill: Mill, key: Key = KEY) -> None:
    mill.cluster.objects[key]["metadata"]["deletionTimestamp"] = mill.clock.now().isoformat()


@asynccontextmanager
async def web_server(answer: Callable[[web.Request], Awaitable[web.Response]]) -> AsyncIterator[str]:
    """Serve an endpoint that answers Graph's handshake in a way of its own; yields its origin."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://addin.localhost:{port}"
    finally:
        await runner.cleanup()


# --- making one


async def test_a_handshake_that_takes_too_long_is_explained_and_tried_again(mill: Mill) -> None:
    async def slow(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    mill.world.graph.faults.validation_timeout = 0.1
    async with web_server(slow) as origin:
        settings(mill)["deploymentUrl"] = origin
        next_time = await mill.run()
    assert mill.states()["Ready"] == ("False", "NotificationUrlRefused")
    assert "Stalled" not in mill.states()
    assert next_time == mill.clock.now() + timedelta(seconds=10)


async def test_a_handshake_that_is_slow_but_in_time_succeeds(mill: Mill) -> None:
    async def unhurried(request: web.Request) -> web.Response:
        await asyncio.sleep(0.3)
        return web.Response(text=request.query["validationToken"])

    async with web_server(unhurried) as origin:
        settings(mill)["deploymentUrl"] = origin
        await mill.run()
    assert mill.states()["Ready"] == ("True", "Subscribed")


async def test_a_handshake_with_a_wrong_answer_is_explained(mill: Mill) -> None:
    async def wrong(_: web.Request) -> web.Response:
        return web.Response(text="<html>Sign in</html>", content_type="text/html")

    async with web_server(wrong) as origin:
        settings(mill)["deploymentUrl"] = origin
        await mill.run()
    assert mill.states()["Ready"] == ("False", "NotificationUrlRefused")
    assert not mill.live


async def test_a_shorter_lifetime_than_asked_for_is_what_counts(mill: Mill) -> None:
    settings(mill)["syncServer"]["subscriptionExpiration"] = "144h"
    await mill.run()
    [live] = mill.live
    live.expiration = mill.clock.now() + timedelta(hours=2)
    annotate(mill, "renew-requested", "look")
    due = await mill.run()
    assert due is not None
    assert mill.status["expirationTime"] == live.expiration.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert timedelta(minutes=53) < due - mill.clock.now() <= timedelta(minutes=61)


async def test_an_operator_that_lost_the_lease_asks_graph_for_nothing(mill: Mill) -> None:
    mill.lost_lease = True
    with pytest.raises(NotLeadingError):
        await mill.run()
    assert not mill.live
    assert "status" not in mill.body


# --- renewing it


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


async def test_a_mailbox_that_graph_knows_no_more_is_said_to_be_missing(mill: Mill) -> None:
    await mill.run()
    mill.world.graph.subscriptions.remove(mill.status["subscriptionId"])
    del mill.world.graph.mailboxes[mill.agent.user_id]
    mill.clock.turn(minutes=24)
    await mill.run()
    assert mill.states()["Stalled"] == ("True", "MailboxNotFound")
    assert "subscriptionId" not in mill.status


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


# --- asked by lifecycle notifications


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


# --- the webhook key


def put_key(mill: Mill, key: bytes, previous: bytes | None = None) -> None:
    def encoded(value: bytes) -> str:
        text = webhook_key.build(Owner("addin", "bank", UID), value)["stringData"]["key"]
        return base64.b64encode(text.encode()).decode()

    secret = mill.cluster.objects[Key("Secret", "bank", "addin-webhook-key")]
    secret["data"] = {"key": encoded(key), **({"previous": encoded(previous)} if previous else {})}
    mill.clock.turn(minutes=1)  # for as long as what was read may be used again


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


# --- swept afterwards


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


# --- suspended, switched off, idle


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


# --- deletion


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


# --- compared with what Graph has


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


async def test_a_replacement_that_stumbles_is_tried_again_within_seconds(mill: Mill) -> None:
    await mill.run()
    mill.world.graph.faults.rules = [Fault(operation="POST /v1.0/subscriptions", status=503, times=2)]
    settings(mill)["deploymentAddinEndpoint"] = "elsewhere"
    await mill.run()
    [live] = mill.live
    assert "/elsewhere/" in live.notification_url
    assert mill.states()["Ready"] == ("True", "Subscribed")
    assert mill.status["failedRenewals"] == 0


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

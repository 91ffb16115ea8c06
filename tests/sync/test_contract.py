"""What is known about Graph, item by item, with the simulator's switch and the product behind it.

Here are deliveries and mailboxes. Subscriptions and Entra: ``test_contract_clients.py``, and with the
operator behind them ``tests/operator_/test_contract.py``. Meetings of several people: ``test_meetings.py``.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, cast

import pytest

from outlook_addin_sandbox.graph import MailboxState, Recurrence
from outlook_addin_sandbox.serving import Fault
from sync.stage import GRACE, HOUR, MINUTE, Stage
from sync.test_peers import deliver, notification, scheduled
from sync.virtual import run
from sync.wire import Answer, Postman

# Delivery: whatever happens to notifications, the conversation follows


@pytest.mark.parametrize(
    "switches",
    [
        pytest.param({"batch_size": 1}, id="one item in each POST"),
        pytest.param({"batch_size": 100, "delay": 2.0}, id="batches over subscriptions"),
        pytest.param({"duplicates": 3}, id="duplicates"),
        pytest.param({"created_updated_pairs": True}, id="created+updated pairs"),
        pytest.param({"reorder": True, "delay": 1.0}, id="reordering"),
        pytest.param({"delay": 170.0}, id="delay of minutes"),
        pytest.param({"forge": True}, id="forged clientState"),
        pytest.param({"endpoint_state": "slow", "slow_delay": 600.0}, id="slow state"),
        pytest.param({"endpoint_state": "drop"}, id="drop state"),
        pytest.param({"automatic_endpoint_states": True}, id="states by themselves"),
        pytest.param({"automatic_endpoint_states": True, "endpoint_is_host": True}, id="states of a host"),
        pytest.param({"lose": 5}, id="lost notifications"),
        pytest.param({"covers_all_calendars": True}, id="subscription covers all calendars"),
        pytest.param({"custom_property_notifies": False}, id="no notification of custom properties"),
        pytest.param({"restore_notifies_created": False}, id="restoring tells updated"),
        pytest.param({"read_deleted": True}, id="soft-deleted readable"),
        pytest.param({"mailbox_concurrency": 1}, id="one request at a time"),
    ],
)
def test_with_every_switch_of_delivery_the_conversation_follows_to_its_end(switches: dict[str, Any]) -> None:
    async def play() -> tuple[str | None, int]:
        async with Stage.open() as stage:
            stage.world.graph.faults.apply(switches)
            event, conversation = await scheduled(stage)
            calendar = stage.calendar(stage.agents[0])
            calendar.update_event(event.immutable_id, subject="Renamed")
            calendar.delete_event(event.immutable_id)
            await stage.wait(MINUTE)
            calendar.restore_event(event.immutable_id)
            await stage.wait(11 * MINUTE)
            await stage.sweep()
            topic = conversation.topic
            calendar.delete_event(event.immutable_id)
            await stage.wait(11 * MINUTE)
            await stage.sweep()
            await stage.wait(2 * GRACE)
            return topic, len(stage.conversations)

    assert run(play()) == ("Renamed", 0)


def test_what_is_answered_with_503_is_delivered_again_for_up_to_four_hours() -> None:
    async def play() -> tuple[str | None, bool]:
        async with Stage.open(replicas=0) as stage:
            event, conversation = await scheduled(stage)
            stage.calendar(stage.agents[0]).update_event(event.immutable_id, subject="Renamed")
            await stage.wait(timedelta(hours=1))
            await stage.add_replica()
            await stage.wait(timedelta(hours=2))
            return conversation.topic, stage.world.graph.courier.outcomes["retried"] > 3

    assert run(play()) == ("Renamed", True)


class Road:
    """The way from Graph to the web server and back, which takes its time."""

    def __init__(self, stage: Stage) -> None:
        self.there = self.back = 0.0
        self.states: set[str] = set()
        self._stage, self._postman = stage, Postman(stage.pick)
        stage.world.graph.courier._session = cast("Any", self)

    @asynccontextmanager
    async def post(self, url: str, **named: Any) -> AsyncIterator[Answer]:
        await asyncio.sleep(self.there)
        async with self._postman.post(url, **named) as answer:
            await asyncio.sleep(self.back)
            yield answer

    async def wait(self, span: timedelta) -> None:
        """Let time pass and note in which states the endpoint is meanwhile."""
        for _ in range(round(span / MINUTE)):
            await self._stage.wait(MINUTE)
            url = self._stage.config.notification_url("installation")
            self.states.add(self._stage.world.graph.courier.states.of(url, asyncio.get_running_loop().time()))


@pytest.mark.parametrize(("there", "back"), [(5.0, 0.0), (0.0, 5.0)], ids=["there", "back"])
def test_what_takes_longer_than_the_first_three_seconds_arrives_by_the_retry(
    there: float, back: float
) -> None:
    async def play() -> tuple[str | None, int, int]:
        async with Stage.open() as stage:
            event, conversation = await scheduled(stage)
            road, outcomes = Road(stage), stage.world.graph.courier.outcomes
            road.there, road.back = there, back
            stage.calendar(stage.agents[0]).update_event(event.immutable_id, subject="Renamed")
            await road.wait(2 * MINUTE)
            return conversation.topic, outcomes["retried"], stage.writes["unblu setTopic"]

    assert run(play()) == ("Renamed", 1, 1)


def test_an_endpoint_out_of_reach_gets_slow_and_dropped_and_all_is_made_up_for() -> None:
    async def play() -> tuple[set[str], bool, str | None, str | None, int]:
        async with Stage.open() as stage:
            stage.world.graph.faults.automatic_endpoint_states = True
            event, conversation = await scheduled(stage)
            gone, _ = await scheduled(stage, 2)
            road, calendar = Road(stage), stage.calendar(stage.agents[0])
            road.there = 12.0
            for subject in ("Once", "Twice", "Thrice"):
                calendar.update_event(event.immutable_id, subject=subject)
                await road.wait(3 * MINUTE)
            calendar.delete_event(gone.immutable_id)
            lost = stage.world.graph.courier.outcomes["dropped"] > 0
            road.there = 0.0
            await road.wait(30 * MINUTE)
            swept = conversation.topic
            calendar.update_event(event.immutable_id, subject="Told again")
            await stage.wait(10)
            return road.states, lost, swept, conversation.topic, len(stage.conversations)

    assert run(play()) == ({"drop", "ok"}, True, "Thrice", "Told again", 1)


def test_however_slow_graph_and_unblu_are_the_web_server_is_never_taken_for_a_slow_endpoint() -> None:
    async def play() -> tuple[set[str], int, str | None]:
        async with Stage.open() as stage:
            stage.world.graph.faults.automatic_endpoint_states = True
            event, conversation = await scheduled(stage)
            for simulator in (stage.world.graph, stage.world.unblu):
                simulator.faults.rules.append(Fault(status=0, delay=15.0))
            road, calendar = Road(stage), stage.calendar(stage.agents[0])
            for number in range(120):
                calendar.update_event(event.immutable_id, subject=f"Edit {number}")
                await stage.wait(10)
            await road.wait(10 * MINUTE)
            return road.states, stage.world.graph.courier.outcomes["retried"], conversation.topic

    assert run(play()) == ({"ok"}, 0, "Edit 119")


@pytest.mark.parametrize("kind", ["reauthorizationRequired", "subscriptionRemoved", "missed"])
def test_lifecycle_events_and_changes_in_one_post_each_get_their_own_answer(kind: str) -> None:
    async def play() -> tuple[float, list[str | None], bool]:
        async with Stage.open() as stage:
            pairs = [await scheduled(stage, number) for number in (1, 2, 3)]
            stage.world.graph.faults.apply({"mix_lifecycle": True, "delay": 2.0, "lose": 1})
            calendar, samples = stage.calendar(stage.agents[0]), stage.replicas[0].metrics.registry
            taken = {"status": "202"}
            before = samples.get_sample_value("outlook_addin_deliveries_total", taken) or 0.0
            subscription = next(
                each.id
                for each in stage.world.graph.subscriptions.values()
                if each.user_id == stage.agents[0].user_id
            )
            calendar.update_event(pairs[2][0].immutable_id, subject="Lost")
            calendar.update_event(pairs[0][0].immutable_id, subject="First")
            stage.world.graph.send_lifecycle(subscription, kind)
            if kind != "subscriptionRemoved":  # nothing is announced after it
                calendar.update_event(pairs[1][0].immutable_id, subject="Second")
            await stage.wait(MINUTE)
            posts = (samples.get_sample_value("outlook_addin_deliveries_total", taken) or 0.0) - before
            calendar.update_event(pairs[1][0].immutable_id, subject="Second")
            await stage.wait(6 * MINUTE)
            return posts, [conversation.topic for _, conversation in pairs], bool(stage.cluster.renewals)

    assert run(play()) == (1.0, ["First", "Second", "Lost"], kind != "missed")


def test_one_post_of_everything_is_taken_apart_item_by_item() -> None:
    async def play() -> tuple[int, list[str | None], int]:
        async with Stage.open() as stage:
            event, conversation = await scheduled(stage)
            anna, ben, *_ = stage.agents
            stage.world.graph.faults.endpoint_state = "drop"
            stage.calendar(anna).update_event(event.immutable_id, subject="Renamed")
            change = notification(stage, anna, event.immutable_id)
            unknown = notification(stage, anna, event.immutable_id, changeType="unknownFutureValue")
            lifecycle = {"changeType": None, "resourceData": None}
            wish = notification(stage, ben, "", lifecycleEvent="reauthorizationRequired", **lifecycle)
            strange = notification(stage, anna, "", lifecycleEvent="unknownFutureValue", **lifecycle)
            forged = {**wish, "clientState": "guess"}
            both = {**change, "lifecycleEvent": "missed"}
            answer = await deliver(stage, strange, forged, both, wish, unknown, change)
            await stage.wait(MINUTE)
            return answer.status, [conversation.topic], list(stage.cluster.renewals) == [stage.mailbox(ben)]

    assert run(play()) == (202, ["Renamed"], True)


# Mailbox: what cannot be read proves nothing, and what can be read again is followed


Disturbance = Callable[[Stage], None]


def fault(**members: Any) -> Disturbance:
    return lambda stage: stage.world.graph.faults.rules.append(Fault("* /v1.0/users/*", **members))


def state(value: MailboxState) -> Disturbance:
    def disturb(stage: Stage) -> None:
        stage.calendar(stage.agents[0]).state = value

    return disturb


def stale(number: int) -> Disturbance:
    return lambda stage: stage.world.graph.faults.apply({"stale_mailbox_info": number})


def without_roles(stage: Stage) -> None:
    """Consent is revoked; tokens that were issued before are good for the rest of their hour."""
    stage.world.entra.apps[stage.world.client_id].tenants[stage.world.tenant_id] = ()
    stage.world.graph.faults.rules.append(
        Fault("* /v1.0/users/*", status=401, code="InvalidAuthenticationToken", message="expired", times=1)
    )


@pytest.mark.parametrize(
    "disturb",
    [
        pytest.param(state(MailboxState.NOT_ENABLED), id="MailboxNotEnabledForRESTAPI"),
        pytest.param(state(MailboxState.DENIED), id="ErrorAccessDenied, access policy"),
        pytest.param(without_roles, id="ErrorAccessDenied, token without roles"),
        pytest.param(stale(100_000), id="503 Mailbox info is stale"),
        pytest.param(
            fault(status=429, code="ApplicationThrottled", message="MailboxConcurrency", retry_after=2),
            id="429 MailboxConcurrency",
        ),
        pytest.param(fault(status=404, code="ResourceNotFound", message="x"), id="404 of another kind"),
        pytest.param(fault(status=500, code="InternalServerError", message="x"), id="500"),
        pytest.param(fault(status=0, lose_answer=True), id="lost answers"),
        pytest.param(fault(status=0, delay=100.0), id="time-outs"),
    ],
)
def test_what_cannot_be_read_deletes_nothing(disturb: Disturbance) -> None:
    async def play() -> int:
        async with Stage.open() as stage:
            event, _ = await scheduled(stage)
            disturb(stage)
            subscription, *_ = stage.world.graph.subscriptions
            stage.world.graph.send_lifecycle(subscription, "missed")
            stage.calendar(stage.agents[0]).delete_event(event.immutable_id)
            await stage.wait(timedelta(minutes=40))
            return len(stage.conversations)

    assert run(play()) == 1


@pytest.mark.parametrize(
    "disturb",
    [
        pytest.param(state(MailboxState.NOT_ENABLED), id="MailboxNotEnabledForRESTAPI"),
        pytest.param(state(MailboxState.DENIED), id="ErrorAccessDenied"),
        pytest.param(stale(4), id="503 Mailbox info is stale"),
        pytest.param(
            fault(status=429, code="ApplicationThrottled", message="MailboxConcurrency", times=5),
            id="429 MailboxConcurrency",
        ),
    ],
)
def test_what_can_be_read_again_is_followed(disturb: Disturbance) -> None:
    async def play() -> str | None:
        async with Stage.open() as stage:
            event, conversation = await scheduled(stage)
            disturb(stage)
            stage.calendar(stage.agents[0]).update_event(event.immutable_id, subject="Renamed")
            await stage.wait(10 * MINUTE)
            stage.calendar(stage.agents[0]).state = MailboxState.ACTIVE
            await stage.wait(20 * MINUTE)
            return conversation.topic

    assert run(play()) == "Renamed"


def test_the_web_server_reads_mailboxes_and_neither_writes_to_them_nor_asks_for_deltas() -> None:
    """If-Match, delta tokens and unwanted invitations are no concern of whoever never asks for them."""

    async def play() -> dict[str, int]:
        async with Stage.open() as stage:
            event, _ = await scheduled(stage)
            series, _ = await scheduled(stage, 2, recurrence=Recurrence("weekly", count=4))
            calendar = stage.calendar(stage.agents[0])
            calendar.update_event(event.immutable_id, subject="Renamed")
            first, *_ = calendar.view(stage.clock.now(), stage.clock.now() + 60 * 24 * HOUR)
            calendar.delete_event(first.immutable_id)
            calendar.delete_event(series.immutable_id)
            await stage.wait(2 * GRACE)
            await stage.sweep()
            return {route.rpartition(" ")[0]: count for route, count in stage.world.graph.requests.items()}

    users = "GET /v1.0/users/{user}"
    assert run(play()).keys() == {
        f"{users}/calendars",
        f"{users}/calendars/{{calendar}}/calendarView",
        f"{users}/calendars/{{calendar}}/events",
        f"{users}/events/{{event}}",
        f"{users}/events/{{event}}/instances",
    }

"""Endpoints that answer slowly are delayed, then dropped, until they answer in time again."""

import pytest

from outlook_addin_sandbox.graph import GraphFaults
from outlook_addin_sandbox.graph.delivery_state import EndpointStates
from outlook_addin_sandbox.testing import GraphClient, Listener
from outlook_addin_sandbox.world import World

URL = "https://addin.bank.example/addin/graph/notifications?installation=1"
LIFECYCLE = "https://addin.bank.example/addin/graph/lifecycle?installation=1"
WINDOW = 600.0


@pytest.fixture
def faults() -> GraphFaults:
    return GraphFaults(automatic_endpoint_states=True)


@pytest.fixture
def states(faults: GraphFaults) -> EndpointStates:
    return EndpointStates(faults)


def answered(states: EndpointStates, *seconds: float, at: float = 0.0, url: str = URL) -> str:
    for took in seconds:
        states.note(url, took, at)
    return states.of(url, at)


@pytest.mark.parametrize(
    ("quick", "slow", "late", "state"),
    [
        (100, 0, 0, "ok"),
        (90, 10, 0, "ok"),
        (89, 11, 0, "slow"),
        (85, 0, 15, "slow"),
        (84, 0, 16, "drop"),
        (0, 1, 0, "slow"),
        (0, 0, 1, "drop"),
    ],
)
def test_a_tenth_too_slow_delays_and_a_seventh_too_late_drops(
    states: EndpointStates, quick: int, slow: int, late: int, state: str
) -> None:
    assert answered(states, *[0.1] * quick, *[4.0] * slow, *[10.0] * late) == state


def test_what_is_older_than_ten_minutes_does_not_count(states: EndpointStates) -> None:
    answered(states, *[0.1] * 20, at=0)
    assert answered(states, 4.0, 4.0, at=WINDOW / 2) == "ok"
    assert answered(states, 4.0, at=WINDOW) == "slow"


def test_a_state_lasts_ten_minutes_and_the_next_few_answers_decide(states: EndpointStates) -> None:
    assert answered(states, 4.0) == "slow"
    assert answered(states, *[0.1] * 50, at=WINDOW - 1) == "slow"
    assert states.of(URL, WINDOW) == "ok"
    assert answered(states, 4.0, at=WINDOW + 1) == "slow"
    assert answered(states, 0.1, at=2 * WINDOW + 1) == "ok"


def test_how_long_a_state_lasts_is_a_switch(faults: GraphFaults, states: EndpointStates) -> None:
    faults.state_window = 5.0
    assert answered(states, 4.0) == "slow"
    assert (states.of(URL, 4.9), states.of(URL, 5.0)) == ("slow", "ok")


def test_a_slow_endpoint_can_still_get_worse(states: EndpointStates) -> None:
    assert answered(states, 4.0) == "slow"
    assert answered(states, 10.0, at=300) == "drop"
    assert states.of(URL, WINDOW) == "drop"
    assert states.of(URL, WINDOW + 300) == "ok"


def test_what_an_endpoint_is_is_a_switch(faults: GraphFaults, states: EndpointStates) -> None:
    answered(states, 4.0)
    assert states.of(URL.replace("=1", "=2"), 0) == "slow"
    assert states.of(LIFECYCLE, 0) == "ok"
    faults.endpoint_is_host = True
    answered(states, 4.0)
    assert states.of(LIFECYCLE, 0) == "slow"


def test_the_state_that_is_set_by_hand_counts_first(faults: GraphFaults, states: EndpointStates) -> None:
    faults.endpoint_state = "drop"
    assert answered(states, 0.1) == "drop"
    faults.endpoint_state, faults.automatic_endpoint_states = "ok", False
    assert answered(states, 10.0) == "ok"


async def test_notifications_to_an_endpoint_that_hangs_are_dropped_by_and_by(
    world: World, graph: GraphClient, listener: Listener
) -> None:
    agent = world.agents[0]
    await graph.subscribe(listener, agent.user_id)
    mailbox, now = world.graph.mailbox(agent.user_id), world.now()
    limits = {"first_timeout": 0.05, "retry_timeout": 0.1, "retry_base": 0.01}
    world.apply_faults({"graph": {"automatic_endpoint_states": True, **limits}})
    listener.seconds = 0.5
    mailbox.create_event("One", now, now)
    await listener.wait_for_posts(3)  # two have been given up by now, one of them a retry
    assert world.graph.courier.outcomes["dropped"] == 0
    mailbox.create_event("Two", now, now)
    assert world.graph.courier.outcomes["dropped"] == 1
    world.apply_faults({"graph": {"retry_timeout": 10.0}})
    await world.settle()
    assert world.graph.courier.outcomes["delivered"] == 1

"""Rules without I/O: probes, memory quantities, Pod status, addresses, the process table."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from outlook_addin_sandbox.node.addresses import pod_address
from outlook_addin_sandbox.node.memory import quantity
from outlook_addin_sandbox.node.probes import Judge, Probe, Verdict, parse_probes
from outlook_addin_sandbox.node.processes import parse_stat
from outlook_addin_sandbox.node.references import MissingReferenceError
from outlook_addin_sandbox.node.states import ContainerState, Running, State, Terminated, Waiting
from outlook_addin_sandbox.node.status import Placement, pod_status

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
RUNNING = Running(NOW)
WAITING = Waiting("ContainerCreating")
ENDED = Terminated(0, "Completed", NOW, NOW, "local://1")
CRASHED = Terminated(1, "Error", NOW, NOW, "local://1")


@pytest.mark.parametrize(
    ("results", "verdict"),
    [
        ("", Verdict.UNKNOWN),
        ("-", Verdict.UNKNOWN),
        ("++", Verdict.SUCCESS),
        ("+-+-", Verdict.UNKNOWN),
        ("---", Verdict.FAILURE),
        ("++--", Verdict.SUCCESS),
        ("++---", Verdict.FAILURE),
        ("---+", Verdict.FAILURE),
        ("---++", Verdict.SUCCESS),
    ],
)
def test_only_an_unbroken_row_of_results_changes_the_verdict(results: str, verdict: Verdict) -> None:
    judge = Judge(failure_threshold=3, success_threshold=2)
    for result in results:
        judge.record(success=result == "+")
    assert judge.verdict is verdict


def test_a_probe_is_read_with_its_ports_name() -> None:
    get = {"path": "/ready", "port": "http", "httpHeaders": [{"name": "X-Probe", "value": "1"}]}
    container = {
        "name": "web",
        "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": {"httpGet": get, "initialDelaySeconds": 5, "timeoutSeconds": 4},
    }
    assert parse_probes(container, "127.20.0.1") == {
        "readinessProbe": Probe("http://127.20.0.1:8080/ready", {"X-Probe": "1"}, 5, 10, 4, 3, 1)
    }


@pytest.mark.parametrize("probe", [{"exec": {"command": ["true"]}}, {"httpGet": {"port": "unknown"}}])
def test_a_probe_that_cannot_be_done_is_refused(probe: dict[str, Any]) -> None:
    with pytest.raises(MissingReferenceError):
        parse_probes({"name": "web", "livenessProbe": probe}, "127.20.0.1")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("128Mi", 134217728),
        ("1G", 10**9),
        ("1Gi", 2**30),
        ("5k", 5000),
        ("500m", 0.5),
        ("1e3", 1000),
        ("7", 7),
    ],
)
def test_quantities_are_read_as_in_kubernetes(text: str, value: float) -> None:
    assert quantity(text) == Decimal(str(value))


def status_of(*states: State, ready: bool = False, **pod: Any) -> dict[str, Any]:
    containers = [ContainerState(f"c{n}", "", state, ready=ready) for n, state in enumerate(states)]
    pod = {"metadata": {}, "spec": {}, **pod}
    return pod_status(pod, containers, Placement("127.20.0.1", "127.0.0.1", NOW), NOW)


@pytest.mark.parametrize(
    ("states", "policy", "phase"),
    [
        ([WAITING], "Always", "Pending"),
        ([RUNNING, WAITING], "Always", "Pending"),
        ([RUNNING], "Always", "Running"),
        ([ENDED], "Always", "Running"),
        ([CRASHED], "OnFailure", "Running"),
        ([ENDED], "OnFailure", "Succeeded"),
        ([ENDED, CRASHED], "Never", "Failed"),
        ([ENDED, RUNNING], "Never", "Running"),
    ],
)
def test_the_phase_follows_from_the_containers_and_the_restart_policy(
    states: list[State], policy: str, phase: str
) -> None:
    assert status_of(*states, spec={"restartPolicy": policy})["phase"] == phase


def test_a_container_that_will_be_restarted_leaves_the_pod_running() -> None:
    state = ContainerState("web", "", Waiting("CrashLoopBackOff"), last=CRASHED)
    placement = Placement("127.20.0.1", "127.0.0.1", NOW)
    assert pod_status({"metadata": {}, "spec": {}}, [state], placement, NOW)["phase"] == "Running"


def test_conditions_name_the_unready_containers() -> None:
    conditions = {each["type"]: each for each in status_of(RUNNING)["conditions"]}
    assert conditions["Ready"]["message"] == "containers with unready status: [c0]"
    assert conditions["PodScheduled"]["status"] == "True"


def test_a_condition_keeps_its_time_until_it_changes() -> None:
    earlier = status_of(RUNNING, ready=True)
    later = {"metadata": {}, "spec": {}, "status": earlier}
    container = ContainerState("c0", "", RUNNING, ready=False)
    placement = Placement("127.20.0.1", "127.0.0.1", NOW)
    found = pod_status(later, [container], placement, NOW + timedelta(hours=1))
    times = {each["type"]: each["lastTransitionTime"] for each in found["conditions"]}
    assert times["Initialized"] == "2026-05-01T12:00:00Z"
    assert times["Ready"] == "2026-05-01T13:00:00Z"


def test_a_pod_gets_the_same_address_again_unless_it_is_taken() -> None:
    address = pod_address("uid-1", set())
    assert address.startswith("127.")
    assert pod_address("uid-1", set()) == address
    assert pod_address("uid-1", {address}) != address
    assert pod_address("uid-2", set()) != address


def test_the_process_table_has_no_zombies_and_survives_odd_names() -> None:
    fields = "1 77 77 0 -1 4194560 1 0 0 0 1 1 0 0 20 0 1 0 100 9000 25 0"
    running = parse_stat(99, f"99 (odd) name) S {fields}")
    assert running is not None
    assert running.session == 77
    assert running.rss > 0
    assert parse_stat(99, f"99 (sh) Z {fields}") is None

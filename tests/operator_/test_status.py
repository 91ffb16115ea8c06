from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from outlook_addin_operator.events import event, transitions
from outlook_addin_operator.status import Condition, differs, render

NOW = datetime(2026, 11, 1, 10, 0, 0, 999, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
READY = Condition("Ready", True, "Subscribed", "All is well.")


def test_the_transition_time_moves_only_when_the_status_flips() -> None:
    [first] = render([READY], [], 1, NOW)
    [second] = render([Condition("Ready", True, "Other", "Still well.")], [first], 2, LATER)
    [third] = render([Condition("Ready", False, "Expired", "Gone.")], [second], 2, LATER)
    assert first["lastTransitionTime"] == second["lastTransitionTime"] == "2026-11-01T10:00:00Z"
    assert third["lastTransitionTime"] == "2026-11-01T11:00:00Z"
    assert [item["observedGeneration"] for item in (first, second, third)] == [1, 2, 2]


def test_an_unknown_status_is_written_as_kubernetes_does() -> None:
    [item] = render([Condition("Ready", None, "Initializing", "Begun.")], [], 1, NOW)
    assert item["status"] == "Unknown"


def test_saying_the_same_again_is_no_difference_and_other_writers_do_not_count() -> None:
    conditions = render([READY], [], 1, NOW)
    foreign = {"type": "Synchronized", "status": "False", "reason": "X", "message": "Y"}
    live: dict[str, Any] = {"observedGeneration": 1, "conditions": [foreign, *conditions]}
    desired = {"observedGeneration": 1, "conditions": render([READY], live["conditions"], 1, LATER)}
    assert not differs(live, desired)
    assert differs(live, {**desired, "observedGeneration": 2})
    assert differs({**live, "nextAttemptTime": "2026-11-01T10:00:00Z"}, desired)


def test_a_condition_that_is_not_true_any_more_is_a_difference() -> None:
    live = {"conditions": render([READY, Condition("Stalled", True, "X", "Y")], [], 1, NOW)}
    assert differs(live, {"conditions": render([READY], live["conditions"], 1, LATER)})


def as_conditions(*states: tuple[str, str, str]) -> list[dict[str, Any]]:
    return [
        {"type": kind, "status": status, "reason": reason, "message": "m"} for kind, status, reason in states
    ]


@pytest.mark.parametrize(
    ("sentence", "before", "after", "told"),
    [
        ("routine says nothing", [("Ready", "True", "S")], [("Ready", "True", "S")], []),
        ("first success is told", [], [("Ready", "True", "S")], [("S", False)]),
        ("work in progress is no warning", [], [("Ready", "False", "Progressing")], [("Progressing", False)]),
        (
            "failure is a warning",
            [("Ready", "True", "S")],
            [("Ready", "False", "Expired")],
            [("Expired", True)],
        ),
        (
            "one cause is told once",
            [],
            [("Ready", "False", "SecretNotFound"), ("CredentialsValid", "False", "SecretNotFound")],
            [("SecretNotFound", True)],
        ),
        (
            "an overdue renewal is a warning",
            [("Ready", "True", "S")],
            [("Ready", "True", "S"), ("RenewalOverdue", "True", "Throttled")],
            [("Throttled", True)],
        ),
        ("nothing is known yet", [], [("Ready", "Unknown", "Initializing")], []),
    ],
)
def test_events_tell_transitions(
    sentence: str,
    before: list[tuple[str, str, str]],
    after: list[tuple[str, str, str]],
    told: list[tuple[str, bool]],
) -> None:
    notes = transitions(as_conditions(*before), as_conditions(*after))
    assert [(note.reason, note.warning) for note in notes] == told, sentence


def test_the_same_event_has_the_same_name_within_ten_minutes_only() -> None:
    body = {
        "apiVersion": "outlook-addin.dev/v1alpha1",
        "kind": "OutlookAddin",
        "metadata": {"name": "desk", "namespace": "bank", "uid": "u"},
    }
    [note] = transitions([], as_conditions(("Ready", "False", "Expired")))
    names = [
        event(body, note, NOW + timedelta(minutes=minutes), "pod")["metadata"]["name"]
        for minutes in (0, 1, 11)
    ]
    assert names[0] == names[1] != names[2]

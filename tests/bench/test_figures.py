"""The bench's arithmetic: what it says must be what was seen."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bench.operator.figures import added, busiest, displacements, exponent, gauge, steady_rate, writes
from bench.operator.goals import goals
from bench.operator.image import pinned
from bench.operator.objects import LIFETIME, Made, Plan, all_expired, copies, due_now, not_due

NOW = datetime(2026, 3, 1, tzinfo=UTC)
METRICS = """
apiserver_request_total{code="200",component="apiserver",verb="APPLY",resource="services",subresource=""} 3
apiserver_request_total{code="200",verb="PATCH",resource="calendarsubscriptions",subresource="status"} 2
apiserver_request_total{code="201",verb="POST",resource="calendarsubscriptions",subresource=""} 5
apiserver_request_total{code="409",verb="POST",resource="calendarsubscriptions",subresource=""} 7
apiserver_request_total{code="200",verb="LIST",resource="calendarsubscriptions",subresource=""} 9
apiserver_request_total{code="200",verb="PUT",resource="leases",subresource=""} 11
outlook_addin_scheduled_objects 2001.0
"""


def template() -> dict[str, Any]:
    return {
        "metadata": {"name": "first", "uid": "1", "creationTimestamp": "x", "finalizers": ["ours"]},
        "spec": {"addinRef": {"name": "desk"}, "tenantId": "tenant", "userId": "u", "mailbox": "m"},
        "status": {"subscriptionId": "s", "conditions": [{"type": "Ready", "lastTransitionTime": "x"}]},
    }


def made(plan: Plan, count: int = 50) -> list[Made]:
    return list(copies(template(), count, plan))


def test_only_writes_that_were_carried_out_count_and_leases_do_not() -> None:
    assert writes(METRICS) == {"services": 3, "calendarsubscriptions/status": 2, "calendarsubscriptions": 5}


def test_what_was_added_leaves_out_what_stayed() -> None:
    assert added({"a": 1, "b": 2}, {"a": 1, "b": 5, "c": 1}) == {"b": 3, "c": 1}


def test_a_gauge_that_is_not_there_is_none_and_not_zero() -> None:
    assert gauge(METRICS, "outlook_addin_scheduled_objects") == 2001
    assert gauge(METRICS, "outlook_addin_other") is None


@pytest.mark.parametrize(("power", "expected"), [(1, 1.0), (2, 2.0), (0, 0.0)])
def test_the_exponent_tells_linear_from_quadratic_growth(power: int, expected: float) -> None:
    sizes = [2_000, 10_000, 50_000]
    assert exponent(sizes, [3 * size**power for size in sizes]) == pytest.approx(expected)


def test_the_busiest_span_sees_a_burst_that_an_average_hides() -> None:
    samples = [(0.0, 0), (1.0, 30), (2.0, 30), (20.0, 40), (30.0, 50)]
    assert busiest(samples, 2.0) == 30
    assert busiest(samples, 100.0) == 50


def test_the_steady_rate_leaves_the_first_burst_out() -> None:
    samples = [
        (0.0, 0),
        (0.1, 25),
        *((float(second), 25 + 25 * second) for second in range(1, 5)),
        (9.0, 125),
    ]
    assert steady_rate(samples) == pytest.approx(25, rel=0.1)


def test_who_comes_three_places_too_late_is_three_places_away() -> None:
    assert displacements("abcd", "bcda") == [1, 1, 1, 3]


def test_copies_differ_in_all_that_identifies_them_and_in_nothing_else() -> None:
    bodies = [each.body for each in made(not_due(NOW))]
    assert len({body["metadata"]["uid"] for body in bodies}) == 50
    assert len({body["metadata"]["name"] for body in bodies}) == 50
    assert len({body["spec"]["userId"] for body in bodies}) == 50
    assert {body["metadata"]["finalizers"][0] for body in bodies} == {"ours"}
    assert {body["spec"]["tenantId"] for body in bodies} == {"tenant"}


def test_what_is_not_due_stays_so_for_the_hours_of_a_measurement() -> None:
    assert all(each.times.due > NOW + timedelta(hours=4) for each in made(not_due(NOW)))


def test_what_is_due_is_due_and_far_from_its_end() -> None:
    times = [each.times for each in made(due_now(NOW, 20))]
    assert all(each.due < NOW < each.ends - timedelta(days=2) for each in times[:20])
    assert all(each.due > NOW for each in times[20:])
    assert all(each.ends - each.renewed == LIFETIME for each in times)


def test_every_subscription_of_an_outage_expired_at_a_time_of_its_own() -> None:
    ends = [each.times.ends for each in made(all_expired(NOW, 50))]
    assert len(set(ends)) == 50
    assert max(ends) < NOW


def test_copies_are_the_same_in_every_run() -> None:
    assert made(not_due(NOW)) == made(not_due(NOW))
    assert not_due(NOW)(0, "uid", random.Random(1)) != not_due(NOW)(0, "uid", random.Random(2))


def test_a_goal_is_reached_up_to_its_limit() -> None:
    recovery = {"ratio to it": 1.3, "lost": 0, "doubled": 0, "most Graph requests in 20 s": 500}
    assert [(each["measured"], each["reached"]) for each in goals({"starts": [], "recovery": recovery})] == [
        (1.3, False),
        (500, True),
        (0, True),
    ]


def test_the_pinned_packages_are_read_from_a_requirements_file() -> None:
    text = "# pip\naiohttp==3.1 \\\n    --hash=sha256:1\n    # via kopf\nhttpx2==2.0\n"
    assert pinned(text) == ["aiohttp", "httpx2"]

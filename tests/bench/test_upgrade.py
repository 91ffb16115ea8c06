"""How an exchange of operators is judged."""

from typing import Any

import pytest

from bench.upgrade.__main__ import Comparison, verdict

GOOD: dict[str, Any] = {"recreated": 0, "lost": 0, "subscriptions": 2, "objects not ready": []}


def test_subscriptions_are_compared_by_mailbox() -> None:
    before = {"anna": "1", "ben": "2", "claire": "3"}
    assert Comparison.of(before, before) == Comparison(lost=0, recreated=0)
    assert Comparison.of(before, {"anna": "1", "ben": "9"}) == Comparison(lost=1, recreated=1)


def test_the_promise_is_kept_when_nothing_became_of_anything() -> None:
    assert verdict([GOOD, GOOD], 2, made=2, doubled=0)["passed"]


@pytest.mark.parametrize(
    ("turn", "made", "doubled"),
    [
        ({"recreated": 1}, 2, 0),
        ({"lost": 1}, 2, 0),
        ({"subscriptions": 1}, 2, 0),
        ({"objects not ready": ["desk-0"]}, 2, 0),
        ({}, 3, 0),
        ({}, 2, 1),
    ],
)
def test_whatever_was_made_again_lost_or_doubled_breaks_it(
    turn: dict[str, Any], made: int, doubled: int
) -> None:
    assert not verdict([GOOD, GOOD | turn], 2, made=made, doubled=doubled)["passed"]

"""What is said about a mailbox is never better than what is known."""

from datetime import timedelta

import pytest

from outlook_addin_web.verdicts import IN_SYNC, Verdict, Verdicts, parked
from web.fakes import ANNA, START

PARKING = timedelta(minutes=15)
PARKED = parked("Failing", "Unblu rejects a change.")


@pytest.fixture
def verdicts() -> Verdicts:
    """Verdicts of a replica that has swept the mailbox once."""
    known = Verdicts(PARKING)
    known.sweep(ANNA, may_delete=True)
    return known


def said(verdicts: Verdicts, after: timedelta = timedelta()) -> Verdict | None:
    return verdicts.settled(ANNA, START + after)


def test_a_change_that_is_parked_is_shown_until_it_is_carried_over(verdicts: Verdicts) -> None:
    verdicts.park(ANNA, "event", PARKED, START)
    assert said(verdicts) == PARKED
    verdicts.carried_over(ANNA, "event")
    assert said(verdicts) == IN_SYNC


def test_nothing_is_said_about_what_was_parked_too_long_ago_until_a_sweep_has_tried_it_again(
    verdicts: Verdicts,
) -> None:
    verdicts.trouble(ANNA)
    verdicts.park(ANNA, "event", PARKED, START)
    assert said(verdicts, PARKING) is None
    assert said(verdicts, PARKING) is None
    verdicts.sweep(ANNA, may_delete=True)
    assert said(verdicts, PARKING) == IN_SYNC


def test_a_sweep_stands_for_changes_that_were_to_be_tried_again_and_never_were(verdicts: Verdicts) -> None:
    verdicts.retry(ANNA, "event")
    assert said(verdicts) is None
    verdicts.sweep(ANNA, may_delete=True)
    assert said(verdicts) == IN_SYNC

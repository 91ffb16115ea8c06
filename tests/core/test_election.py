from datetime import UTC, datetime, timedelta

from outlook_addin_core.clients.leases import lease_of, term_of
from outlook_addin_core.domain.election import Candidate, Sight, Step, Term, given_back, seen

START = datetime(2026, 11, 1, 12, tzinfo=UTC)
LENGTH = timedelta(seconds=15)
LONG = LENGTH.total_seconds()
HELD = Term("other", LENGTH, START, START, version="1")
ME = Candidate("me", LENGTH)


def test_a_lease_that_nobody_has_is_taken() -> None:
    assert ME.step(None, 0) is Step.TAKE
    assert ME.step(Sight(given_back(HELD), 0), 0) is Step.TAKE


def test_ones_own_lease_is_renewed() -> None:
    assert Candidate("other", LENGTH).step(Sight(HELD, 0), 1_000) is Step.RENEW


def test_a_lease_is_taken_over_once_it_has_not_changed_for_its_whole_length() -> None:
    sight = seen(None, HELD, 100.0)
    assert ME.step(sight, 100 + LONG - 1) is Step.WAIT
    assert ME.step(sight, 100 + LONG) is Step.TAKE


def test_a_longer_term_of_another_is_respected_and_a_shorter_one_not_believed() -> None:
    longer = seen(None, Term("other", 2 * LENGTH, START, START), 0.0)
    assert [ME.step(longer, at) for at in (LONG, 2 * LONG)] == [Step.WAIT, Step.TAKE]
    shorter = seen(None, Term("other", LENGTH / 3, START, START), 0.0)
    assert [ME.step(shorter, at) for at in (LONG / 3, LONG)] == [Step.WAIT, Step.TAKE]


def test_the_holders_clock_does_not_matter_only_that_the_lease_changes() -> None:
    wrong = Term("other", LENGTH, START, START - timedelta(days=1), version="2")
    sight = seen(seen(None, HELD, 100.0), wrong, 100 + LONG)
    assert ME.step(sight, 100 + LONG) is Step.WAIT


def test_a_claim_keeps_the_books_as_kubernetes_does() -> None:
    later = START + LENGTH
    assert ME.claim(None, START) == Term("me", LENGTH, START, START)
    assert ME.claim(HELD, later) == Term("me", LENGTH, later, later, 1, "1")
    assert Candidate("other", LENGTH).claim(HELD, later) == Term("other", LENGTH, START, later, 0, "1")


def test_a_term_is_written_as_a_lease_and_read_from_it() -> None:
    term = Term("a", timedelta(seconds=30), START, START + timedelta(microseconds=1), 2, "7")
    lease = dict(lease_of(term, "sweeper", "banking", {"app": "x"}))
    assert lease["metadata"] == {
        "name": "sweeper",
        "namespace": "banking",
        "labels": {"app": "x"},
        "resourceVersion": "7",
    }
    assert lease["spec"]["renewTime"] == "2026-11-01T12:00:00.000001Z"
    assert term_of(lease) == term


def test_a_lease_that_somebody_wrote_by_hand_is_read() -> None:
    assert term_of({"metadata": {}}) == Term("", timedelta(seconds=1))

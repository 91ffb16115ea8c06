from datetime import UTC, datetime, timedelta

import pytest

from outlook_addin_kubectl.text import count, relative, span, table

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(days=6, hours=4, minutes=3), "6d4h"),
        (timedelta(days=6, minutes=3), "6d"),
        (timedelta(hours=1), "1h"),
        (timedelta(minutes=2, seconds=5), "2m5s"),
        (timedelta(seconds=59, milliseconds=999), "59s"),
        (timedelta(0), "0s"),
    ],
)
def test_a_length_of_time_is_told_by_its_two_largest_units(length: timedelta, text: str) -> None:
    assert span(length) == text


def test_a_moment_is_told_by_its_distance() -> None:
    assert relative("2026-12-02T16:00:00Z", NOW) == "in 2d4h"
    assert relative("2026-11-30T11:57:00Z", NOW) == "3m ago"
    assert relative(None, NOW) == "<none>"


def test_columns_are_aligned_and_lines_end_with_their_text() -> None:
    assert (
        table(("NAME", "AGE"), [("a-long-name", "1d"), ("b", "")]) == "NAME          AGE\na-long-name   1d\nb"
    )


def test_nothing_of_an_object_steers_the_terminal() -> None:
    assert table(("A", "B"), [("x\x1b[2J\ny", "z"), ("\u202eevil", "ü 東")]) == (
        "A             B\nx\\x1b[2J\\ny   z\n\\u202eevil    ü 東"
    )


def test_numbers_agree_with_their_nouns() -> None:
    assert [count(number, "mailbox object") for number in (0, 1, 1200)] == [
        "0 mailbox objects",
        "1 mailbox object",
        "1,200 mailbox objects",
    ]

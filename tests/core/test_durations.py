from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlook_addin_core.domain.durations import format_milliseconds, parse_duration, parse_milliseconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("36h", timedelta(hours=36)),
        ("1h30m", timedelta(hours=1, minutes=30)),
        ("90s", timedelta(seconds=90)),
        ("500ms", timedelta(milliseconds=500)),
        ("1m500ms", timedelta(minutes=1, milliseconds=500)),
        ("0s", timedelta()),
    ],
)
def test_a_duration_is_read_as_kubernetes_writes_it(text: str, expected: timedelta) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize(
    "text", ["", "36", "h", "1.5h", "-1h", "1d", "1 h", "1h ", "1H", "123456s", "1h\n", "\u0661h"]
)
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="such as 36h"):
        parse_duration(text)


@given(st.integers(0, 99_999), st.integers(0, 99_999), st.integers(0, 99_999), st.integers(0, 99_999))
def test_the_parts_of_a_duration_add_up(hours: int, minutes: int, seconds: int, millis: int) -> None:
    expected = timedelta(hours=hours, minutes=minutes, seconds=seconds, milliseconds=millis)
    assert parse_duration(f"{hours}h{minutes}m{seconds}s{millis}ms") == expected


@given(st.integers(0, 10**14 - 1))
def test_milliseconds_survive_being_written_and_read(count: int) -> None:
    assert format_milliseconds(parse_milliseconds(str(count))) == str(count)
    assert parse_milliseconds(count) == timedelta(milliseconds=count)


@pytest.mark.parametrize("value", ["", "-1", "1.5", "10h", " 1", True, -1, "1" * 15])
def test_what_is_not_a_number_of_milliseconds_is_refused(value: str | int) -> None:
    with pytest.raises(ValueError, match="milliseconds"):
        parse_milliseconds(value)

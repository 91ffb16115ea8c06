from datetime import UTC, datetime, timedelta

import pytest
from cronsim import CronSimError
from hypothesis import given
from hypothesis import strategies as st

from outlook_addin_core.domain.renewal import (
    MARGIN,
    backoff,
    due_check,
    next_attempt,
    renewal_time,
    requested_expiration,
)

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
moments = st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
spans = st.timedeltas(timedelta(minutes=45), timedelta(minutes=10_080))
uids = st.uuids().map(str)


@given(moments, st.timedeltas(timedelta(minutes=1), timedelta(days=400)))
def test_never_more_than_ten_thousand_minutes_are_asked_for(now: datetime, wanted: timedelta) -> None:
    expiration = requested_expiration(now, wanted)
    assert expiration <= now + min(wanted, timedelta(minutes=10_000))
    assert expiration > now + min(wanted, timedelta(minutes=10_000)) - timedelta(seconds=1)
    assert expiration.microsecond == 0


@given(moments, spans, uids)
def test_renewal_is_due_in_the_last_tenth_before_half_of_what_was_granted(
    granted_at: datetime, lifetime: timedelta, uid: str
) -> None:
    due = renewal_time(granted_at, granted_at + lifetime, None, uid)
    assert granted_at + lifetime / 2 * 0.9 - timedelta(seconds=1) <= due <= granted_at + lifetime / 2
    assert due.microsecond == 0


@given(moments, spans, st.timedeltas(timedelta(seconds=10), timedelta(days=30)), uids)
def test_a_limit_only_ever_makes_renewal_earlier(
    granted_at: datetime, lifetime: timedelta, limit: timedelta, uid: str
) -> None:
    expiration = granted_at + lifetime
    due = renewal_time(granted_at, expiration, limit, uid)
    assert due <= min(renewal_time(granted_at, expiration, None, uid), granted_at + limit)


def test_the_jitter_of_an_object_is_fixed_and_objects_spread_out() -> None:
    expiration = NOW + timedelta(hours=144)
    times = [renewal_time(NOW, expiration, None, f"uid-{number}") for number in range(1_000)]
    assert times == [renewal_time(NOW, expiration, None, f"uid-{number}") for number in range(1_000)]
    hours = [(NOW + timedelta(hours=72) - due) // timedelta(hours=1) for due in times]
    assert min(hours.count(hour) for hour in range(7)) > 100


@given(moments, st.one_of(st.none(), spans))
def test_somebody_looks_on_a_tick_and_before_the_last_ten_minutes(
    due: datetime, left: timedelta | None
) -> None:
    expiration = None if left is None else due + left
    look = due_check("0 */6 * * *", due, expiration)
    assert look >= due
    if expiration is None:
        assert (look.hour % 6, look.minute, look.second) == (0, 0, 0)
        assert look - due <= timedelta(hours=6)
    else:
        assert look <= max(expiration - MARGIN, due + timedelta(seconds=1))


def test_a_due_time_on_a_tick_is_looked_at_on_that_tick() -> None:
    assert due_check("*/1 * * * *", NOW) == NOW
    assert due_check("*/1 * * * *", NOW + timedelta(seconds=1)) == NOW + timedelta(minutes=1)


def test_a_cron_expression_that_is_none_is_refused() -> None:
    with pytest.raises(CronSimError):
        due_check("every minute", NOW)


def test_pauses_double_up_to_an_hour() -> None:
    seconds = [backoff(failures).total_seconds() for failures in range(12)]
    assert seconds == [0, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600]
    assert backoff(10**9) == timedelta(hours=1)


@given(moments, st.integers(0, 100), st.timedeltas(timedelta(days=-1), timedelta(days=7)))
def test_no_pause_sleeps_through_the_last_chance(now: datetime, failures: int, left: timedelta) -> None:
    expiration = now + left
    attempt = next_attempt(now, failures, expiration)
    assert attempt > now
    assert attempt.microsecond == 0
    for bound in (expiration - MARGIN, expiration):
        if bound >= now + timedelta(seconds=1):
            assert attempt <= bound
            break
    else:
        assert attempt <= now + max(backoff(failures), backoff(1)) + timedelta(seconds=1)


@given(moments, st.integers(0, 100), spans, st.timedeltas(timedelta(), timedelta(hours=3)))
def test_a_service_that_asks_to_wait_is_obeyed(
    now: datetime, failures: int, left: timedelta, retry_after: timedelta
) -> None:
    assert next_attempt(now, failures, now + left, retry_after) >= now + retry_after


def test_without_an_expiration_only_the_pause_counts() -> None:
    assert next_attempt(NOW, 3, None, None) == NOW + timedelta(seconds=40)


def test_towards_the_end_attempts_become_more_frequent() -> None:
    now, end, attempts = NOW, NOW + timedelta(minutes=6), 0
    while now < end:
        attempts += 1
        now = next_attempt(now, attempts, end)
    assert attempts > 8
    assert next_attempt(NOW, 9, NOW + timedelta(minutes=4)) == NOW + timedelta(minutes=2)
    assert next_attempt(NOW, 9, NOW + timedelta(seconds=15)) == NOW + timedelta(seconds=10)

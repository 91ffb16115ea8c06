from datetime import UTC, datetime

import pytest

from outlook_addin_core.domain.token_bucket import TokenBucket


class StoppedClock:
    seconds = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def monotonic(self) -> float:
        return self.seconds


def test_the_bucket_lets_a_burst_through_and_then_the_rate() -> None:
    clock = StoppedClock()
    bucket = TokenBucket(clock, rate=25, burst=25)
    assert [bucket.reserve() for _ in range(25)] == [0.0] * 25
    assert bucket.reserve() == pytest.approx(0.04)
    assert bucket.reserve() == pytest.approx(0.08)
    clock.seconds = 10
    assert bucket.reserve() == 0.0


def test_who_does_not_want_to_wait_takes_a_token_only_if_there_is_one() -> None:
    clock = StoppedClock()
    bucket = TokenBucket(clock, rate=1, burst=2)
    assert [bucket.allows() for _ in range(3)] == [True, True, False]
    clock.seconds = 1
    assert [bucket.allows() for _ in range(2)] == [True, False]


def test_a_bucket_is_full_again_when_nobody_used_it_for_a_while() -> None:
    clock = StoppedClock()
    bucket = TokenBucket(clock, rate=2, burst=4)
    bucket.reserve()
    assert not bucket.is_full
    clock.seconds = 0.5
    assert bucket.is_full

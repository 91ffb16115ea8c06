"""A token bucket: so many calls a second, and a few more at once after a rest."""

from outlook_addin_core.domain.clock import Clock


class TokenBucket:
    """Lets ``rate`` calls pass per second, and at most ``burst`` at once."""

    def __init__(self, clock: Clock, rate: float, burst: int) -> None:
        self._clock = clock
        self._rate = rate
        self._burst = burst
        self._tokens = float(burst)
        self._at = clock.monotonic()

    def reserve(self) -> float:
        """Take one token and return the seconds until it may be used; whoever asks first, goes first."""
        self._fill()
        self._tokens -= 1
        return max(0.0, -self._tokens / self._rate)

    def allows(self) -> bool:
        """Take one token if there is one now."""
        self._fill()
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    @property
    def is_full(self) -> bool:
        """Whether nobody has used it for a while."""
        self._fill()
        return self._tokens >= self._burst

    def _fill(self) -> None:
        now = self._clock.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now

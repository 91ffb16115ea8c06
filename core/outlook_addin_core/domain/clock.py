"""Time as a value that is passed in: nothing asks the machine for it behind the caller's back."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Where a component gets its time from; tests pass a clock of their own."""

    def now(self) -> datetime:
        """Return the moment, aware and in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never run backwards, for measuring spans."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the moment, aware and in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        return time.monotonic()

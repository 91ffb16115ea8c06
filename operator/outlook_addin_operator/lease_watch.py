"""Is the watch alive? Told by the Lease, which changes every few seconds.

What the Lease's own requests have seen, the watch must show, too. As long as the API server cannot be
reached, neither sees anything, and nobody restarts a process that could do nothing better afterwards.
"""

from typing import Final

from outlook_addin_core.domain.clock import Clock

DEAD: Final = 150.0
"""Seconds without an event after which the watch is given up; Kopf reconnects a silent one after 70."""


class WatchAge:
    """Compares what was seen directly with what the watch has shown."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._watched = clock.monotonic()

    def watched(self) -> None:
        """Take note of an event."""
        self._watched = self._clock.monotonic()

    def lag(self, changed_at: float) -> float:
        """Return for how long the watch has owed us a change that is known from elsewhere; 0 if it owes none.

        Args:
            changed_at: The monotonic time of the latest such change.
        """
        return max(0.0, changed_at - self._watched)

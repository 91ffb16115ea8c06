"""Who may be without a Graph subscription for a moment, because theirs is replaced. One tenant; no I/O."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from outlook_addin_core.domain.clock import Clock

PROOF: Final = 60.0
"""Seconds for which a subscription that was made says that others can be made, too."""

REST: Final = 300.0
"""Seconds without replacements after one that left its mailbox without a subscription."""

POSTPONED: Final = 10.0
"""Seconds after which one that may not begin looks again."""


class PostponedError(Exception):
    """The replacement has to wait; nothing was touched."""


class Replacements:
    """Lets one mailbox go first, and the others follow when that went well.

    So a Graph that deletes and cannot make anything costs one mailbox its notifications, and not all.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._under_way = 0
        self._proved_until = clock.monotonic()
        self._resting_until = clock.monotonic()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Replace one subscription. Raises PostponedError if it is not our turn."""
        now = self._clock.monotonic()
        if now >= self._proved_until and (self._under_way or now < self._resting_until):
            raise PostponedError
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    def made(self) -> None:
        """Take note that a subscription was made."""
        now = self._clock.monotonic()
        self._proved_until, self._resting_until = now + PROOF, now

    def failed(self) -> None:
        """Take note that one could not be made anew after it was deleted."""
        now = self._clock.monotonic()
        self._proved_until, self._resting_until = now, now + REST

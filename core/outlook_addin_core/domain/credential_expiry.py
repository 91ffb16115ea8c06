"""When it is told that a client secret or certificate is about to end."""

from datetime import datetime, timedelta
from typing import Final

STEPS: Final = (1, 7, 14, 30)
"""Days before the end at which it is told, again at each step."""


def step(expires: datetime, now: datetime) -> int | None:
    """Return the step that is reached, in days; 0 once it has ended, None while there is time."""
    if now >= expires:
        return 0
    return next((days for days in STEPS if expires - now <= timedelta(days=days)), None)

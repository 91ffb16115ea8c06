"""When a Graph subscription is renewed.

Everything is reckoned from what Graph *granted*: it raises short lifetimes and caps long ones, so what was
asked for says little (learn.microsoft.com/graph/api/resources/subscription). All results are whole seconds,
because they stand in a status that must not change without a reason.
"""

import hashlib
from datetime import datetime, timedelta
from typing import Final

from cronsim import CronSim

LONGEST: Final = timedelta(minutes=10_000)
"""What is asked for at most: 10,080 minutes are documented, some 10,070 are granted."""

MARGIN: Final = timedelta(minutes=10)
"""Before expiry, nothing is put off any more."""

FIRST_DELAY: Final = timedelta(seconds=10)
LONGEST_DELAY: Final = timedelta(hours=1)

LONGEST_PAUSE: Final = timedelta(days=1)
"""No pause is longer, not even one that a service asks for."""

_LONGEST_GRANTED = timedelta(days=7)
_SECOND = timedelta(seconds=1)
_JITTER = 0.1


def requested_expiration(now: datetime, wanted: timedelta) -> datetime:
    """Return the expiration to ask Graph for."""
    return _floor(now + min(wanted, LONGEST))


def renewal_time(granted_at: datetime, expiration: datetime, limit: timedelta | None, uid: str) -> datetime:
    """Return when a subscription is due.

    That is half of the granted lifetime after it was granted, or the limit if that is shorter, less up to a
    tenth of this span. How much less depends on the object's uid alone: many objects made in one minute
    spread out, and one object's time never wavers. What is granted beyond seven days is not
    relied on.
    """
    span = min(expiration - granted_at, _LONGEST_GRANTED) / 2
    if limit is not None:
        span = min(span, limit)
    return _floor(granted_at + span - span * (_JITTER * _fraction(uid)))


def due_check(cron: str, due: datetime, expiration: datetime | None = None) -> datetime:
    """Return when somebody looks: at the first tick at or after the due time, in UTC.

    A sparse cron expression never puts this off beyond ten minutes before the expiration.

    Raises:
        cronsim.CronSimError: The expression is not a cron expression.
    """
    due = _ceil(due)
    tick = next(CronSim(cron, due - _SECOND))
    if expiration is None:
        return tick
    return min(tick, max(due, _floor(expiration - MARGIN)))


def backoff(failures: int) -> timedelta:
    """Return the pause after so many failures in a row: 10 s, doubled each time, an hour at most."""
    if failures <= 0:
        return timedelta()
    doublings = min(failures - 1, 16)
    return min(FIRST_DELAY * (1 << doublings), LONGEST_DELAY)


def next_attempt(
    now: datetime, failures: int, expiration: datetime | None, retry_after: timedelta | None = None
) -> datetime:
    """Return when to try again after a failure.

    A pause never lasts longer than half of the time that is left (but for ten seconds), so that attempts
    become more frequent towards the end. Nor does it sleep through the last chance (ten minutes before
    expiry) or the expiry itself; only the service's own Retry-After may.
    """
    moment = _ceil(now + backoff(max(failures, 1)))
    if expiration is not None:
        if expiration > now:
            moment = min(moment, _ceil(now + max((expiration - now) / 2, FIRST_DELAY)))
        ahead = [bound for bound in (_floor(expiration - MARGIN), _floor(expiration)) if bound > now]
        moment = min([moment, *ahead])
    if retry_after is not None:
        moment = max(moment, _ceil(now + min(retry_after, LONGEST_PAUSE)))
    return moment


def pause_end(written: datetime | None, now: datetime) -> datetime | None:
    """Return when a pause that was written down ends; None if it has ended.

    One that would last longer than any pause does was written while a clock was wrong, and is none.
    """
    if written is None or written > now + LONGEST_PAUSE + _SECOND:
        return None
    return written if written > now else None


def _fraction(uid: str) -> float:
    """Return a number from 0 up to 1 that is the same for the same uid."""
    return int.from_bytes(hashlib.sha256(uid.encode()).digest()[:6], "big") / 2**48


def _floor(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)


def _ceil(moment: datetime) -> datetime:
    return _floor(moment) if moment.microsecond == 0 else _floor(moment) + _SECOND

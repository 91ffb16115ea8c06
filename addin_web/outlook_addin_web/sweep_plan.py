"""Which mailboxes a sweep looks at, and which CalendarSubscriptions are made, marked or deleted. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from outlook_addin_core.domain.mailbox import Mailbox
from outlook_addin_web.ports import Followed

REST: Final = timedelta(days=1)
"""How often a mailbox without open conversations is looked at: whether it can still be read."""


@dataclass(frozen=True)
class SweepPlan:
    """What a whole sweep does.

    Args:
        by_tenant: The mailboxes to look at; those with open conversations first.
        resting: Mailboxes that are well and whose turn it is not.
        needed: Subscriptions that are to carry today's date.
        missing: Mailboxes with open conversations and no subscription.
        idle: Subscriptions that nobody has needed for too long.
    """

    by_tenant: Mapping[str, list[Mailbox]]
    resting: tuple[Mailbox, ...]
    needed: tuple[Followed, ...]
    missing: tuple[Mailbox, ...]
    idle: tuple[Followed, ...]


def plan(  # noqa: PLR0913 - what was read, and the times that count
    followed: Iterable[Followed],
    conversations: Mapping[Mailbox, bool],
    tenant_ids: Iterable[str],
    now: datetime,
    *,
    retention: timedelta,
    interval: timedelta,
) -> SweepPlan:
    """Plan a sweep.

    Only open conversations can be out of step. So a mailbox without one rests, unless it was said not to be
    in sync, or nothing was said of it yet; once a day it is looked at all the same.

    Args:
        followed: The add-in's subscriptions.
        conversations: The mailboxes with open conversations, and whether one of these knows its event.
        tenant_ids: Whose mailboxes are served; nobody else's are looked at.
        now: The moment.
        retention: How long a subscription without open conversations is kept.
        interval: From the beginning of one sweep to that of the next.
    """
    served = frozenset(tenant_ids)
    known = [each for each in followed if each.mailbox.tenant_id in served]
    used = {each: linked for each, linked in conversations.items() if each.tenant_id in served}
    subscribed = {each.mailbox for each in known}
    well = {each.mailbox for each in serving(known) if each.verdict is not None and each.verdict.synchronized}
    resting = {each for each in well - used.keys() if not _has_its_turn(each, now, interval)}
    by_tenant: dict[str, list[Mailbox]] = {}
    for mailbox in sorted((subscribed - resting) | used.keys(), key=lambda each: (each not in used, each)):
        by_tenant.setdefault(mailbox.tenant_id, []).append(mailbox)
    linked = {mailbox for mailbox, known_event in used.items() if known_event}
    return SweepPlan(
        by_tenant=by_tenant,
        resting=tuple(sorted(resting)),
        needed=tuple(
            each for each in serving(known) if each.mailbox in linked and each.last_needed != now.date()
        ),
        missing=tuple(sorted(linked - subscribed)),
        idle=tuple(each for each in known if each.mailbox not in used and _is_idle(each, now, retention)),
    )


def serving(followed: Iterable[Followed]) -> list[Followed]:
    """Return the subscription that serves each mailbox: of several the oldest, as the operator decides."""
    found: dict[Mailbox, Followed] = {}
    for each in sorted(followed, key=lambda each: (each.created, each.name)):
        found.setdefault(each.mailbox, each)
    return list(found.values())


def _has_its_turn(mailbox: Mailbox, now: datetime, interval: timedelta) -> bool:
    """Spread the mailboxes that rest over the sweeps of a day: the same ones in whichever process sweeps."""
    sweeps = max(REST // interval, 1)
    return int(mailbox.log_id, 16) % sweeps == int(now.timestamp() // interval.total_seconds()) % sweeps


def _is_idle(followed: Followed, now: datetime, retention: timedelta) -> bool:
    """Only what the web server made itself is ever deleted; what stands in Git belongs to Git."""
    needed = max(
        followed.created, _end_of(followed.last_needed) if followed.last_needed else followed.created
    )
    return followed.web_made and now - needed > retention


def _end_of(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC) + timedelta(days=1)

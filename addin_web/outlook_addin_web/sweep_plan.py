"""Which mailboxes a sweep looks at, and which CalendarSubscriptions are made, marked or deleted. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from outlook_addin_core.domain.mailbox import Mailbox
from outlook_addin_web.ports import Followed


@dataclass(frozen=True)
class SweepPlan:
    """What a whole sweep does.

    Args:
        by_tenant: The mailboxes to look at; those with open conversations first.
        needed: Subscriptions that are to carry today's date.
        missing: Mailboxes with open conversations and no subscription.
        idle: Subscriptions that nobody has needed for too long.
    """

    by_tenant: Mapping[str, list[Mailbox]]
    needed: tuple[Followed, ...]
    missing: tuple[Mailbox, ...]
    idle: tuple[Followed, ...]


def plan(
    followed: Iterable[Followed],
    conversations: Mapping[Mailbox, bool],
    tenant_ids: Iterable[str],
    now: datetime,
    retention: timedelta,
) -> SweepPlan:
    """Plan a sweep.

    Args:
        followed: The add-in's subscriptions.
        conversations: The mailboxes with open conversations, and whether one of these knows its event.
        tenant_ids: Whose mailboxes are served; nobody else's are looked at.
        now: The moment.
        retention: How long a subscription without open conversations is kept.
    """
    served = frozenset(tenant_ids)
    known = [each for each in followed if each.mailbox.tenant_id in served]
    used = {each: linked for each, linked in conversations.items() if each.tenant_id in served}
    subscribed = {each.mailbox for each in known}
    by_tenant: dict[str, list[Mailbox]] = {}
    for mailbox in sorted(subscribed | used.keys(), key=lambda each: (each not in used, each)):
        by_tenant.setdefault(mailbox.tenant_id, []).append(mailbox)
    linked = {mailbox for mailbox, known_event in used.items() if known_event}
    return SweepPlan(
        by_tenant=by_tenant,
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


def _is_idle(followed: Followed, now: datetime, retention: timedelta) -> bool:
    """Only what the web server made itself is ever deleted; what stands in Git belongs to Git."""
    needed = max(
        followed.created, _end_of(followed.last_needed) if followed.last_needed else followed.created
    )
    return followed.web_made and now - needed > retention


def _end_of(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC) + timedelta(days=1)

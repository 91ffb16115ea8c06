"""What to do about one CalendarSubscription. Pure: what was read and the time go in, a decision comes out.

First come reasons why there must be no Graph subscription, of which the first counts; then whether the one
that exists is in place, asked for or due; then whether a new one can be made.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from typing import Final

from outlook_addin_core.domain.durations import parse_duration
from outlook_addin_core.domain.renewal import due_check, pause_end, renewal_time
from outlook_addin_core.domain.resources import LAST_NEEDED, MANAGED_BY, WEB_MANAGER
from outlook_addin_operator.addin.spec import AddinView
from outlook_addin_operator.keys import has_finalizer, is_deleting
from outlook_addin_operator.status import parse_time
from outlook_addin_operator.subscription.blockers import Blocker, blocker
from outlook_addin_operator.subscription.due import renew_request
from outlook_addin_operator.subscription.memory import Memory
from outlook_addin_operator.subscription.observed import Observed

GUARD: Final = timedelta(minutes=10)
"""Graph's state gets inconsistent when a subscription is renewed and reauthorised within this time.

Source: learn.microsoft.com/graph/change-notifications-lifecycle-events.
"""

RETENTION: Final = "720h"
"""How long an idle mailbox stays subscribed unless spec.syncServer.idleSubscriptionRetention says."""

LOOK_AGAIN: Final = timedelta(minutes=1)
LOOK_ANYWAY: Final = timedelta(minutes=10)
"""When to look again at what is woken as soon as its OutlookAddin finds what it waits for."""

CLEANUP_PATIENCE: Final = timedelta(minutes=5)
CLEANUP_PATIENCE_WITHOUT_CREDENTIALS: Final = timedelta(minutes=1)


class Action(Enum):
    """What is done."""

    NOTHING = auto()
    """Everything is in place, or a pause after a failure has not ended."""
    WAIT = auto()
    """Say why nothing can be done; what exists stays."""
    GIVE_UP = auto()
    """There must be no Graph subscription: delete ours, and say why."""
    FORGET = auto()
    """Another object answers for the Graph subscription: let go of it."""
    CREATE = auto()
    RENEW = auto()
    MOVE = auto()
    """Send notifications to the URLs that the OutlookAddin has now."""
    REPLACE = auto()
    """Make it anew, because Graph cannot change what has to be changed: the key that proves its origin."""
    RETIRE = auto()
    """Nobody needs it any more: delete the object."""
    CHECK = auto()
    """See whether it is still there, without touching it."""
    DELETE = auto()
    """Delete the Graph subscription, then release the object."""
    ORPHAN = auto()
    """Mark the Graph subscription as left behind on purpose, then release the object."""
    RELEASE = auto()
    """Let the object go."""
    ABANDON = auto()
    """Let the object go although its Graph subscription could not be deleted or marked."""


@dataclass(frozen=True)
class Decision:
    """What to do, and what to say about it.

    Args:
        next_time: When to look again, unless something happens before.
        stalled: Whether nothing moves until a person acts.
    """

    action: Action
    reason: str = ""
    message: str = ""
    next_time: datetime | None = None
    stalled: bool = False


def decide(observed: Observed, now: datetime) -> Decision:
    """Return what to do now."""
    if is_deleting(observed.body):
        return _deletion(observed, now)
    found = blocker(observed)
    if found is not None:
        again = now + LOOK_AGAIN if observed.memory.live(now) else None
        return Decision(_consequence(found), found.reason, found.message, again, stalled=True)
    if observed.suspended:
        again = observed.memory.expiration if observed.memory.live(now) else None
        return Decision(Action.WAIT, "Suspended", "spec.suspend is true: nothing is made or renewed.", again)
    return _with_credentials(observed, _subscription(observed, observed.required_addin, now), now)


def renewal_of(observed: Observed, memory: Memory) -> datetime | None:
    """Return when a Graph subscription is due for renewal, by the configuration of today."""
    if memory.expiration is None:
        return None
    granted_at = memory.last_renewal or memory.expiration
    limit = observed.required_addin.config.sync_server_subscription_renewal_limit
    return renewal_time(granted_at, memory.expiration, limit, observed.uid)


def due_of(observed: Observed, memory: Memory) -> datetime | None:
    """Return when a due renewal is carried out: at the first tick of pollingCronInterval."""
    due = renewal_of(observed, memory)
    if due is None:
        return None
    return due_check(observed.required_addin.config.sync_server_polling_cron_interval, due, memory.expiration)


def _consequence(found: Blocker) -> Action:
    if found.leave:
        return Action.WAIT
    return Action.FORGET if found.forget else Action.GIVE_UP


def _subscription(observed: Observed, addin: AddinView, now: datetime) -> Decision:
    """Decide about an object that nothing speaks against."""
    memory = observed.memory
    paused_until = pause_end(memory.next_attempt, now) if memory.failures else None
    if paused_until is not None and not observed.retry and not observed.changed:
        return Decision(Action.NOTHING, next_time=paused_until)
    idle_at = retirement(observed)
    if idle_at is not None and idle_at <= now:
        return Decision(Action.RETIRE)
    if not memory.live(now):
        return _creation(observed, now)
    return _in_place(observed, addin, now, idle_at)


def _in_place(observed: Observed, addin: AddinView, now: datetime, idle_at: datetime | None) -> Decision:
    """Decide about an object with a live Graph subscription."""
    memory = observed.memory
    if memory.notification_url != addin.config.notification_url(addin.installation):
        return Decision(Action.MOVE)
    if observed.key_changed and observed.web_accepts:
        return Decision(Action.REPLACE)
    due = due_of(observed, memory)
    if due is None or now >= due:
        return Decision(Action.RENEW)
    if memory.failures or renew_request(observed.body) is not None:
        age = now - memory.last_renewal if memory.last_renewal is not None else GUARD
        return Decision(Action.CHECK if timedelta() <= age < GUARD else Action.RENEW)
    if observed.check:
        return Decision(Action.CHECK)
    return Decision(Action.NOTHING, "Subscribed", next_time=_next_look(observed, due, idle_at, now))


def retirement(observed: Observed) -> datetime | None:
    """Return when a mailbox counts as idle; None if it never does by itself.

    Only objects that the web server made retire, and only by what its sweeper wrote: when the mailbox was
    last needed.
    """
    metadata = observed.body["metadata"]
    made_by_web = (metadata.get("labels") or {}).get(MANAGED_BY) == WEB_MANAGER
    needed = last_needed((metadata.get("annotations") or {}).get(LAST_NEEDED)) if made_by_web else None
    if needed is None:
        return None
    settings = observed.required_addin.spec.get("syncServer") or {}
    try:
        return needed + parse_duration(settings.get("idleSubscriptionRetention") or RETENTION)
    except (ValueError, OverflowError):
        return None


def last_needed(text: str | None) -> datetime | None:
    """Read a moment, or a date, which counts to its end; None for anything else, and for the end of time."""
    try:
        moment = datetime.fromisoformat(text or "")
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        return moment + timedelta(days=1) if len(text or "") == len("2026-01-01") else moment
    except (ValueError, OverflowError):
        return None


def _next_look(observed: Observed, due: datetime, idle_at: datetime | None, now: datetime) -> datetime:
    bounds = [due, *([idle_at] if idle_at is not None else [])]
    if observed.key_changed:
        bounds.append(now + LOOK_AGAIN)
    return min(bounds)


def _creation(observed: Observed, now: datetime) -> Decision:
    return Decision(Action.CREATE) if observed.web_available else _web_server_awaited(now)


def _web_server_awaited(now: datetime) -> Decision:
    message = "Graph calls the web server while it makes a subscription; waiting until it is available."
    return Decision(Action.WAIT, "WaitingForWebServer", message, now + LOOK_ANYWAY)


def _with_credentials(observed: Observed, decision: Decision, now: datetime) -> Decision:
    """Hold back what needs credentials, or a key for the client state, while they are not there."""
    if decision.action in {Action.NOTHING, Action.WAIT}:
        return decision
    problem = observed.credentials.problem if observed.credentials else None
    if problem is not None:
        return Decision(Action.WAIT, problem.reason, problem.message, now + LOOK_ANYWAY)
    if observed.credentials is None or observed.credentials.webhook_key is None:
        return replace(_web_server_awaited(now), next_time=now + LOOK_AGAIN)
    return decision


def _deletion(observed: Observed, now: datetime) -> Decision:
    if not has_finalizer(observed.body):
        return Decision(Action.NOTHING)
    wanted = Action.ORPHAN if observed.orphaned else Action.DELETE
    if observed.older or not observed.memory.live(now):
        return Decision(Action.RELEASE)
    if observed.orphaned and (observed.addin is None or observed.addin.deleting):
        return Decision(Action.RELEASE)  # nobody will look for it
    since = parse_time(observed.body["metadata"]["deletionTimestamp"]) or now
    able = observed.credentials is not None and observed.credentials.problem is None
    patience = CLEANUP_PATIENCE if able else CLEANUP_PATIENCE_WITHOUT_CREDENTIALS
    if now - since > patience:
        return Decision(Action.ABANDON)
    again = now + min(max(timedelta(seconds=5), now - since), LOOK_AGAIN)
    return Decision(wanted if able else Action.NOTHING, next_time=again)

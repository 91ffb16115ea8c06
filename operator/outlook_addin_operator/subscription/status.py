"""The status of a CalendarSubscription. Pure."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from outlook_addin_core.clients.graph_subscriptions import Subscription
from outlook_addin_core.domain.renewal import next_attempt
from outlook_addin_operator.status import Condition, find, render
from outlook_addin_operator.subscription.due import renew_request
from outlook_addin_operator.subscription.failures import Failure
from outlook_addin_operator.subscription.memory import Memory
from outlook_addin_operator.subscription.observed import Observed
from outlook_addin_operator.subscription.plan import Decision, renewal_of

_SUBSCRIBED = Condition("Ready", True, "Subscribed", "Microsoft Graph reports changes of this calendar.")
_CREDENTIALS = Condition("CredentialsValid", True, "Accepted", "Microsoft Entra accepts the credentials.")


def granted(observed: Observed, found: Subscription, now: datetime, *, renewed: bool) -> dict[str, Any]:
    """Return the status after Graph confirmed a subscription.

    Args:
        observed: What was read before.
        found: What Graph granted.
        now: When it did.
        renewed: Whether it was made or renewed just now, and not only read.
    """
    moment = now.replace(microsecond=0)
    memory = replace(
        observed.memory.without_failures(),
        subscription_id=found.id,
        resource=found.resource,
        notification_url=_url_of(observed, found),
        expiration=found.expiration.replace(microsecond=0),
        last_renewal=moment if renewed else observed.memory.last_renewal,
        handled_request=renew_request(observed.body) or observed.memory.handled_request,
        key_id=_key_of(observed, found),
    )
    memory = replace(memory, renewal=renewal_of(observed, memory))
    return _compose(observed, memory, [_SUBSCRIBED, _subscribed(memory, now), _CREDENTIALS], now)


def settled(observed: Observed, now: datetime) -> dict[str, Any]:
    """Return the status of a subscription that is in place and not due."""
    memory = replace(observed.memory, renewal=renewal_of(observed, observed.memory))
    return _compose(observed, memory, [_SUBSCRIBED, _subscribed(memory, now), *_kept(observed)], now)


def failed(observed: Observed, what: Failure, now: datetime, *, lost: bool) -> dict[str, Any]:
    """Return the status after an attempt that failed.

    Args:
        observed: What was read before.
        what: What the failure means.
        now: When it happened.
        lost: Whether the Graph subscription is gone.
    """
    memory = observed.memory
    if lost or not memory.live(now):
        memory = memory.without_subscription()
    failures = memory.failures + 1
    attempt = next_attempt(now, failures, memory.expiration, what.retry_after)
    memory = replace(memory, failures=failures, next_attempt=attempt)
    conditions = [_ready(memory, what.reason, what.message, now), _subscribed(memory, now)]
    if what.stalled:
        conditions.append(Condition("Stalled", True, what.reason, what.message))
    elif not memory.live(now):
        conditions.append(Condition("Reconciling", True, what.reason, what.message))
    if memory.live(now):
        conditions.append(Condition("RenewalOverdue", True, what.reason, what.message))
    if what.credentials:
        conditions.append(Condition("CredentialsValid", False, what.reason, what.message))
    elif what.accepted:
        conditions.append(_CREDENTIALS)
    else:
        conditions += _kept(observed)
    return _compose(observed, memory, conditions, now)


def waiting(observed: Observed, decision: Decision, now: datetime) -> dict[str, Any]:
    """Return the status while nothing can be done, or nothing is wanted; what exists stays as it is."""
    memory = observed.memory if observed.memory.live(now) else observed.memory.without_subscription()
    if decision.stalled:
        memory = memory.without_failures()
        return _stalled(observed, memory, decision, now)
    conditions = [_ready(memory, decision.reason, decision.message, now), _subscribed(memory, now)]
    if not memory.live(now) and not observed.suspended:
        conditions.append(Condition("Reconciling", True, decision.reason, decision.message))
    if _is_overdue(observed, memory, now):
        conditions.append(Condition("RenewalOverdue", True, decision.reason, decision.message))
    conditions += _credentials_of(observed)
    return _compose(observed, memory, conditions, now)


def given_up(observed: Observed, decision: Decision, now: datetime) -> dict[str, Any]:
    """Return the status after the Graph subscription was deleted, or left to another object."""
    memory = observed.memory.without_subscription().without_failures()
    return _stalled(observed, memory, decision, now)


def _stalled(observed: Observed, memory: Memory, decision: Decision, now: datetime) -> dict[str, Any]:
    reason, message = decision.reason, decision.message
    conditions = [
        Condition("Ready", False, reason, message),
        _subscribed(memory, now),
        Condition("Stalled", True, reason, message),
    ]
    return _compose(observed, memory, conditions, now)


def _ready(memory: Memory, reason: str, message: str, now: datetime) -> Condition:
    """Stay ready for as long as Graph reports changes, whatever fails meanwhile."""
    if not memory.live(now):
        return Condition("Ready", False, reason, message)
    return Condition("Ready", True, reason, message) if reason == "Suspended" else _SUBSCRIBED


def _subscribed(memory: Memory, now: datetime) -> Condition:
    if memory.live(now):
        return Condition("Subscribed", True, "Granted", "There is a live Graph subscription.")
    return Condition("Subscribed", False, "NoSubscription", "There is no Graph subscription.")


def _is_overdue(observed: Observed, memory: Memory, now: datetime) -> bool:
    return (
        not observed.suspended and memory.live(now) and memory.renewal is not None and memory.renewal <= now
    )


def _credentials_of(observed: Observed) -> Iterable[Condition]:
    problem = observed.credentials.problem if observed.credentials else None
    if problem is None:
        return _kept(observed)
    return [Condition("CredentialsValid", False, problem.reason, problem.message)]


def _kept(observed: Observed) -> list[Condition]:
    """Return what is known about the credentials from before."""
    known = find((observed.body.get("status") or {}).get("conditions") or (), "CredentialsValid")
    if known is None:
        return []
    return [Condition("CredentialsValid", known["status"] == "True", known["reason"], known["message"])]


def _key_of(observed: Observed, found: Subscription) -> str | None:
    """Return which key a subscription carries: the present one, unless it is an older subscription."""
    known = observed.memory
    is_same = known.subscription_id == found.id and known.key_id is not None
    return known.key_id if is_same else observed.key_id


def _url_of(observed: Observed, found: Subscription) -> str:
    """Return where notifications go: in our own spelling if that is where we want them."""
    addin = observed.required_addin
    wanted = addin.config.notification_url(addin.installation)
    return wanted if not found.notification_url or found.notifies(wanted) else found.notification_url


def _compose(
    observed: Observed, memory: Memory, conditions: Iterable[Condition], now: datetime
) -> dict[str, Any]:
    generation = observed.body["metadata"]["generation"]
    previous = (observed.body.get("status") or {}).get("conditions") or ()
    return {
        "observedGeneration": generation,
        **memory.render(),
        "conditions": render(conditions, previous, generation, now),
    }

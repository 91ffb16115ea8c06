"""Whether an object is as it should be, and what a person would want to know about it. Pure.

The verdicts are those that Argo CD is taught in ``gitops/argocd``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from outlook_addin_core.domain.resources import ADDIN

_GIVING_UP: Final = 5
"""Failed attempts in a row after which a mailbox that nobody follows is an outage."""
_GOOD: Final = frozenset({"CredentialsValid", "Synchronized"})
"""Conditions that are good while they are true; all others are bad then."""
_SUMMED_UP: Final = frozenset({"Ready", "Reconciling", "Stalled", "Subscribed", "Suspended"})
"""Conditions whose story the verdict tells."""
_PASSING: Final = frozenset(
    {"RenewalOverdue", "Repairing", "Throttled", "GraphUnavailable", "UnbluUnavailable", "Failing"}
)
"""Conditions and reasons that nobody has to do anything about as yet: it is tried again."""
_PATIENCE: Final = timedelta(minutes=30)
"""What should pass and lasts longer does not pass by itself; most alerts wait as long."""

_DELETING: Final = "It is being deleted; what no operator is left for, kubectl outlook release lets go of."
_UNSEEN: Final = "No operator has looked at the latest spec; see that one runs."
_LAPSED: Final = "The Graph subscription has ended and no operator has said so; see that one runs."


class Verdict(StrEnum):
    """What Argo CD would show."""

    HEALTHY = "Healthy"
    PROGRESSING = "Progressing"
    SUSPENDED = "Suspended"
    DEGRADED = "Degraded"


@dataclass(frozen=True)
class Health:
    """A verdict and why.

    Args:
        reason: In one word.
        message: In a sentence.
        since: When it began to be so, as it stands in the object; None if nobody wrote that down.
    """

    verdict: Verdict
    reason: str
    message: str
    since: str | None = None


@dataclass(frozen=True, order=True)
class Finding:
    """Something that a person would want to know.

    Args:
        urgent: Whether it stays as it is until somebody acts, or has lasted too long to pass by itself.
        reason: In one word.
        message: In a sentence, with the remedy where there is one.
    """

    urgent: bool
    reason: str
    message: str


def condition(body: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """Return a condition; an empty one if the status has none of this type."""
    conditions = (body.get("status") or {}).get("conditions") or ()
    return next((each for each in conditions if each["type"] == kind), {})


def health_of(body: Mapping[str, Any]) -> Health:
    """Return the verdict about an OutlookAddin or a CalendarSubscription."""
    if body["metadata"].get("deletionTimestamp"):
        return Health(Verdict.PROGRESSING, "Deleting", _DELETING, body["metadata"]["deletionTimestamp"])
    status = body.get("status") or {}
    if status.get("observedGeneration") != body["metadata"]["generation"]:
        return Health(Verdict.PROGRESSING, "NotYetSeen", _UNSEEN, _written(body["metadata"]))
    if (stalled := condition(body, "Stalled")).get("status") == "True":
        return _health(Verdict.DEGRADED, stalled)
    if body["spec"].get("suspend"):
        return Health(Verdict.SUSPENDED, "Suspended", "It is suspended by its spec.")
    if body["kind"] == ADDIN:
        return _addin(body)
    return _subscription(body, status.get("failedRenewals", 0))


def _addin(body: Mapping[str, Any]) -> Health:
    credentials, reconciling = condition(body, "CredentialsValid"), condition(body, "Reconciling")
    if credentials.get("status") == "False":
        return _health(Verdict.DEGRADED, credentials)
    if reconciling.get("status") == "True":
        return _health(Verdict.PROGRESSING, reconciling)
    return _by_ready(body)


def _subscription(body: Mapping[str, Any], failures: int) -> Health:
    ready, reconciling = condition(body, "Ready"), condition(body, "Reconciling")
    if ready.get("status") == "True":
        return _health(Verdict.HEALTHY, ready)
    if ready and failures >= _GIVING_UP:
        return _health(Verdict.DEGRADED, ready)
    if reconciling.get("status") == "True":
        return _health(Verdict.PROGRESSING, reconciling)
    return _by_ready(body)


def _by_ready(body: Mapping[str, Any]) -> Health:
    ready = condition(body, "Ready")
    known = {"True": Verdict.HEALTHY, "False": Verdict.DEGRADED}
    return _health(known.get(ready.get("status", ""), Verdict.PROGRESSING), ready)


def _health(verdict: Verdict, found: Mapping[str, Any]) -> Health:
    reason, message = found.get("reason") or "Unknown", found.get("message") or "Nothing is known yet."
    return Health(verdict, reason, message, found.get("lastTransitionTime"))


def _written(metadata: Mapping[str, Any]) -> str | None:
    """Return when somebody last wrote something other than the status."""
    writes = metadata.get("managedFields") or ()
    times = (each.get("time") for each in writes if each.get("subresource") != "status")
    return max(filter(None, times), default=metadata.get("creationTimestamp"))


def findings(body: Mapping[str, Any], now: datetime) -> list[Finding]:
    """Return what is worth telling about an object, each reason once; nothing if all is well."""
    found = sorted(_findings(body, now), key=lambda each: not each.urgent)
    told = {each.reason: each for each in reversed(found)}
    return sorted(told.values(), key=lambda each: (not each.urgent, each.reason))


def _findings(body: Mapping[str, Any], now: datetime) -> Iterator[Finding]:
    health = health_of(body)
    if health.verdict is not Verdict.HEALTHY:
        lasts = health.verdict is Verdict.PROGRESSING and _lasts(health.since, now)
        yield Finding(lasts or health.verdict is Verdict.DEGRADED, health.reason, health.message)
    elif has_lapsed(body, now):
        yield Finding(True, "Expired", _LAPSED)
    for each in (body.get("status") or {}).get("conditions") or ():
        good = (each["type"] in _GOOD) == (each["status"] == "True")
        if each["type"] not in _SUMMED_UP and each["status"] != "Unknown" and not good:
            passes = not _PASSING.isdisjoint((each["type"], each["reason"]))
            urgent = not passes or _lasts(each["lastTransitionTime"], now)
            yield Finding(urgent, each["reason"], each["message"])


def _lasts(since: str | None, now: datetime) -> bool:
    return since is not None and now - datetime.fromisoformat(since) > _PATIENCE


def has_lapsed(body: Mapping[str, Any], now: datetime) -> bool:
    """Tell whether a mailbox's Graph subscription has ended by the clock."""
    expires = (body.get("status") or {}).get("expirationTime")
    return expires is not None and datetime.fromisoformat(expires) <= now

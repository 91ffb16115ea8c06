"""The status of an OutlookAddin. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from outlook_addin_core.domain.credential_expiry import step
from outlook_addin_operator.addin.acceptance import Verdict
from outlook_addin_operator.addin.health import Health
from outlook_addin_operator.addin.objects import webhook_key
from outlook_addin_operator.addin.objects.labels import selector
from outlook_addin_operator.addin.plan import PARTS, Observed, Plan, names
from outlook_addin_operator.addin.spec import CredentialsType, admin_consent_urls
from outlook_addin_operator.credentials import no_bundle
from outlook_addin_operator.inventory import Counts
from outlook_addin_operator.keys import ADOPT, Key, Object
from outlook_addin_operator.status import Condition, find, format_time, render


@dataclass(frozen=True)
class Outcome:
    """What became of a plan.

    Args:
        deployment: As it is now, if there is one.
        errors: What the API server refused, in its words, each with the kind it concerns.
        immutable: Kinds that would have to be made anew.
        sharing: Other OutlookAddins with the same app registration.
        refusal: Why the way in is refused, if somebody says so.
    """

    deployment: Object | None
    health: Health | None
    errors: Sequence[str]
    sharing: Sequence[Key]
    counts: Counts
    immutable: Sequence[str] = ()
    refusal: str | None = None


def compose(observed: Observed, plan: Plan, outcome: Outcome, now: datetime) -> dict[str, Any]:
    """Return the whole status as we want it."""
    body, view = observed.body, observed.view
    pods = (outcome.deployment or {}).get("status") or {}
    return {
        "observedGeneration": body["metadata"]["generation"],
        "url": view.config.base_url,
        "manifestUrl": view.config.manifest_url,
        "adminConsentUrls": admin_consent_urls(view.config),
        "replicas": pods.get("replicas", 0),
        "readyReplicas": pods.get("readyReplicas", 0),
        "selector": ",".join(f"{key}={value}" for key, value in sorted(selector(view.owner).items())),
        "configHash": plan.config_hash,
        "subscriptions": {
            "total": outcome.counts.total,
            "ready": outcome.counts.ready,
            "failing": outcome.counts.failing,
        },
        **_ends(observed),
        "conditions": _render(body, _conditions(observed, plan, outcome, now), now),
    }


def simple(
    body: Mapping[str, Any], ready: Condition, now: datetime, *, stalled: bool = False
) -> dict[str, Any]:
    """Return the status of an OutlookAddin of which nothing more can be said; keeps what else it says."""
    kept = {key: value for key, value in (body.get("status") or {}).items() if key != "conditions"}
    conditions = [
        ready,
        Condition("Stalled" if stalled else "Reconciling", True, ready.reason, ready.message),
    ]
    kept["observedGeneration"] = body["metadata"]["generation"]
    return {**kept, "conditions": _render(body, conditions, now)}


def first_sight(body: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return the status of an object that nobody has worked on: without one it would pass for ready."""
    return simple(body, Condition("Ready", None, "Initializing", "The operator has begun."), now)


def _render(body: Mapping[str, Any], wanted: Sequence[Condition], now: datetime) -> list[dict[str, Any]]:
    previous = (body.get("status") or {}).get("conditions") or ()
    return render(wanted, previous, body["metadata"]["generation"], now)


def _conditions(observed: Observed, plan: Plan, outcome: Outcome, now: datetime) -> list[Condition]:
    ready, stalled = _ready(observed, plan, outcome)
    result = [ready]
    rolling = outcome.health is not None and outcome.health.rolling
    if stalled:
        result.append(Condition("Stalled", True, ready.reason, ready.message))
    elif rolling or not ready.status:
        reason, message = (ready.reason, ready.message) if not ready.status else _ROLLING
        result.append(Condition("Reconciling", True, reason, message))
    if observed.view.sync_enabled:
        result.append(_credentials(observed))
    result += _expiring(observed, now)
    if plan.conflicts:
        result.append(Condition("NameConflict", True, "NameTaken", ready.message))
    if plan.unavailable:
        result.append(Condition("ExposureUnavailable", True, "KindNotServed", _unserved(plan.unavailable)))
    if plan.missing:
        result.append(Condition("PartUnavailable", True, "KindNotServed", _missing(plan.missing)))
    if observed.view.suspended:
        result.append(Condition("Suspended", True, "SuspendRequested", _SUSPENDED))
    if outcome.sharing:
        result.append(_shared(observed, outcome.sharing))
    return result


_UNUSABLE_KEY = (
    "Secret {} holds no key that can be used; delete it, and it is made anew, "
    "or write 32 random bytes or more, as base64, under key."
)
_LEAVING = "Objects of a deleted OutlookAddin of this name are still being removed; new ones are made then."
_SUSPENDED = "spec.suspend is true: nothing is changed here. Calendar subscriptions are still renewed."
_NO_PODS = Health(
    available=False, rolling=True, stuck=False, reason="Progressing", message="The Deployment is being made."
)
_ROLLING = ("RollingUpdate", "Pods are being replaced.")


def _ready(observed: Observed, plan: Plan, outcome: Outcome) -> tuple[Condition, bool]:
    """Return the summary, and whether a person has to act: the first of these that holds."""
    for check in (_not_applied, _not_usable):
        found = check(observed, plan, outcome)
        if found is not None:
            reason, message, stalled = found
            return Condition("Ready", False, reason, message), stalled
    health = outcome.health or _NO_PODS
    serves = health.available and not health.stuck
    problem = observed.invitation.problem
    if serves and problem is not None:
        return Condition("Ready", False, problem.reason, problem.message), False
    return Condition("Ready", serves, health.reason, health.message), health.stuck


def _not_applied(observed: Observed, plan: Plan, outcome: Outcome) -> tuple[str, str, bool] | None:
    if plan.conflicts:
        return "NameConflict", _conflict(observed, plan.conflicts), True
    if plan.leaving:
        return "PredecessorLeaving", _LEAVING, False
    if outcome.immutable:
        return "ImmutableField", _immutable(observed, outcome), True
    if outcome.errors:
        return "ApplyFailed", " ".join(outcome.errors)[:1000], False
    return None


def _not_usable(observed: Observed, plan: Plan, outcome: Outcome) -> tuple[str, str, bool] | None:
    credentials, view = observed.credentials, observed.view
    problem = credentials.problem if view.sync_enabled else no_bundle(view, credentials.ca_bundle)
    if problem is not None:
        return problem.reason, problem.message, False
    if view.sync_enabled and "Secret" in observed.children and not credentials.webhook_key:
        return "WebhookKeyUnusable", _UNUSABLE_KEY.format(webhook_key.name(view.owner)), False
    if plan.unavailable:
        return "ExposureUnavailable", _unserved(plan.unavailable), True
    if outcome.refusal:
        return "ExposureRefused", outcome.refusal, True
    if outcome.health is None and view.suspended:
        return "Suspended", _SUSPENDED, False
    return None


def _ends(observed: Observed) -> dict[str, str]:
    return {"clientSecretExpirationTime": format_time(observed.expires)} if observed.expires else {}


_EXPIRING = {
    0: "Expired",
    1: "ExpiresWithin1Day",
    7: "ExpiresWithin7Days",
    14: "ExpiresWithin14Days",
    30: "ExpiresWithin30Days",
}


def _expiring(observed: Observed, now: datetime) -> list[Condition]:
    """Warn before the credentials end; the reason changes at each step, and so an Event tells it again."""
    reached = step(observed.expires, now) if observed.expires else None
    if observed.expires is None or reached is None:
        return []
    what, view = "client secret", observed.view
    if view.credentials_type is CredentialsType.CERTIFICATE:
        what = "certificate"
    tense = "ends" if reached else "ended"
    where = view.certificate_secret_name
    message = (
        f"The {what} {tense} at {format_time(observed.expires)}; make a new one, put it into Secret {where}."
    )
    return [Condition("CredentialsExpiring", True, _EXPIRING[reached], message)]


def _credentials(observed: Observed) -> Condition:
    problem = observed.credentials.problem
    if problem is not None:
        return Condition("CredentialsValid", False, problem.reason, problem.message)
    if observed.verdict.refused:
        return Condition("CredentialsValid", False, "CredentialsRefused", _refused(observed.verdict))
    if observed.verdict.known:
        return Condition("CredentialsValid", True, "Accepted", "Microsoft Entra accepts the credentials.")
    before = find((observed.body.get("status") or {}).get("conditions") or (), "CredentialsValid")
    if before is not None and before["reason"] in _SAID_BY_ENTRA:  # while it cannot be asked, its word counts
        return Condition("CredentialsValid", before["status"] == "True", before["reason"], before["message"])
    message = f"Secret {observed.view.secret_name} has the keys that are needed."
    return Condition("CredentialsValid", True, "SecretComplete", message)


_SAID_BY_ENTRA = frozenset({"Accepted", "CredentialsRefused"})
_NAMED = 5


def _refused(verdict: Verdict) -> str:
    """Name the remedies, each with the tenants that it helps in; of many tenants only the first."""
    told = []
    for remedy, tenants in verdict.refused.items():
        more = f" and {len(tenants) - _NAMED} more" if len(tenants) > _NAMED else ""
        word = "tenant" if len(tenants) == 1 else "tenants"
        told.append(f"in {word} {', '.join(tenants[:_NAMED])}{more}: {remedy}")
    return f"Microsoft Entra refuses the credentials {' '.join(told)}"[:2000]


def _conflict(observed: Observed, kinds: Sequence[str]) -> str:
    taken = ", ".join(f"{kind} {observed.children[kind]['metadata']['name']}" for kind in kinds)
    return f"{taken} exists and is not ours; delete it, or annotate it {ADOPT}=true to hand it over."


def _immutable(observed: Observed, outcome: Outcome) -> str:
    known = names(observed.view.owner)
    named = " ".join(f"{kind.lower()}/{known[kind]}" for kind in outcome.immutable)
    message = "A field that is fixed at creation would have to change"
    return f"{message}; run kubectl delete {named}, and it is made anew ({' '.join(outcome.errors)[:700]})."


def _missing(kinds: Sequence[str]) -> str:
    fields = ", ".join(f"spec.{PARTS[kind]} ({kind})" for kind in kinds)
    return (
        f"The cluster does not serve what {fields} asks for; install it, or remove the field. All else works."
    )


def _unserved(kind: str) -> str:
    if kind == "Route":
        return "The cluster serves no route.openshift.io; use spec.ingress or spec.httpRoute instead."
    return (
        f"The cluster serves no {kind}; install the Gateway API (gateway.networking.k8s.io/v1), "
        "or use spec.ingress instead."
    )


def _shared(observed: Observed, others: Sequence[Key]) -> Condition:
    """Name only neighbours: who else lives in the cluster is not everybody's business."""
    near = [other.name for other in others if other.namespace == observed.view.owner.namespace]
    who = f"OutlookAddin {', '.join(near)}" if near else "An OutlookAddin of another namespace"
    message = f"{who} uses the same clientId; make one app registration per environment."
    return Condition("AppRegistrationShared", True, "ClientIdShared", message)

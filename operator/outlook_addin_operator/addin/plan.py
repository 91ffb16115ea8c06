"""What an OutlookAddin is made of, decided from its spec and what exists. Pure: no I/O, no clock."""

import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from outlook_addin_core.domain.config import AddinConfig
from outlook_addin_core.domain.resources import ADDIN
from outlook_addin_operator.addin.acceptance import Verdict
from outlook_addin_operator.addin.invitation import Invitation, applied_texts
from outlook_addin_operator.addin.objects import (
    autoscaler,
    configmap,
    deployment,
    disruptionbudget,
    httproute,
    ingress,
    networkpolicy,
    podmonitor,
    rolebinding,
    route,
    service,
    serviceaccount,
    webhook_key,
)
from outlook_addin_operator.addin.spec import AddinView, Owner
from outlook_addin_operator.credentials import Credentials
from outlook_addin_operator.keys import ADOPT, Object

EXPOSURES = {"Ingress": "ingress", "HTTPRoute": "httpRoute", "Route": "route"}
"""The ways in, by kind, with the field of the spec that asks for each."""

PARTS = {
    "HorizontalPodAutoscaler": "autoscaling",
    "PodDisruptionBudget": "disruptionBudget",
    "NetworkPolicy": "networkPolicy",
    "PodMonitor": "podMonitor",
}
"""What surrounds the pods, by kind, with the field of the spec that asks for each."""

OPTIONAL = EXPOSURES | PARTS


@dataclass(frozen=True)
class Observed:
    """Everything that was read about one OutlookAddin.

    Args:
        body: The object.
        view: What its spec means.
        credentials: What its Secret says.
        children: What exists under the names of its children, by kind.
        unserved: Kinds that the API server does not know.
        expires: When the client secret or certificate ends, if that is known.
        verdict: What Entra says about the credentials.
        invitation: What the ConfigMap with the words of invitations says.
        strays: Objects with our labels under names that no child bears any more.
    """

    body: Object
    view: AddinView
    credentials: Credentials
    children: Mapping[str, Object]
    unserved: frozenset[str] = frozenset()
    strays: Sequence[Object] = ()
    expires: datetime | None = None
    verdict: Verdict = field(default_factory=Verdict)
    invitation: Invitation = field(default_factory=Invitation)


@dataclass(frozen=True)
class Plan:
    """What is to be done.

    Args:
        apply: Objects to apply, in order.
        create: Objects to create unless they exist.
        prune: Objects of ours that are not wanted any more.
        conflicts: Kinds whose name is taken by an object that is not ours; nothing is done then.
        leaving: Kinds whose name is still taken by an object of a deleted OutlookAddin of our name, nor then.
        unavailable: The way in that is asked for and that the API server does not know.
        missing: Other kinds that are asked for and that it does not know; the rest works without them.
    """

    config_hash: str
    apply: list[Object] = field(default_factory=list)
    create: list[Object] = field(default_factory=list)
    prune: list[Object] = field(default_factory=list)
    conflicts: tuple[str, ...] = ()
    leaving: tuple[str, ...] = ()
    unavailable: str | None = None
    missing: tuple[str, ...] = ()


def names(owner: Owner) -> dict[str, str]:
    """Return the name of every child that an OutlookAddin can have, by kind."""
    same = ("ServiceAccount", "RoleBinding", "Deployment", "Service", *OPTIONAL)
    return {
        "ConfigMap": configmap.name(owner),
        "Secret": webhook_key.name(owner),
        **dict.fromkeys(same, owner.name),
    }


def plan(observed: Observed, *, image: str, new_key: bytes) -> Plan:
    """Decide.

    Args:
        observed: What was read.
        image: The web server's image unless the spec names one.
        new_key: Random bytes that become the webhook key if there is none yet.
    """
    view = _with_invitation(observed)
    key = observed.credentials.webhook_key
    if key is None and "Secret" not in observed.children:
        key = new_key
    digest = config_hash(view, observed.credentials, key)
    wanted = _wanted(view, image, digest, observed.children.get("Deployment"))
    secret = [webhook_key.build(view.owner, key or new_key)] if view.sync_enabled else []
    kinds = {body["kind"] for body in (*wanted, *secret)}
    taken = sorted(kind for kind in kinds if _is_taken(observed.children.get(kind), view.owner))
    leaving = tuple(kind for kind in taken if _is_predecessors(observed.children[kind], view.owner))
    if taken:
        conflicts = tuple(kind for kind in taken if kind not in leaving)
        return Plan(digest, conflicts=conflicts, leaving=leaving)
    if view.suspended:
        return Plan(digest)
    return Plan(
        digest,
        apply=[body for body in wanted if body["kind"] not in observed.unserved],
        create=secret if "Secret" not in observed.children else [],
        prune=_superfluous(observed, kinds),
        unavailable=next((kind for kind in EXPOSURES if kind in kinds & observed.unserved), None),
        missing=tuple(kind for kind in PARTS if kind in kinds & observed.unserved),
    )


def _with_invitation(observed: Observed) -> AddinView:
    """Give invitations their words; while those cannot be used, the words that the pods have stay."""
    view, invitation = observed.view, observed.invitation
    texts = invitation.texts
    if invitation.problem is not None:
        texts = applied_texts(observed.children.get("ConfigMap"))
    return replace(view, config=replace(view.config, invitation_texts=texts))


def config_hash(view: AddinView, credentials: Credentials, key: bytes | None) -> str:
    """Return what changes with everything that a pod reads at its start.

    A keyed hash, because it stands where more people can read than may read the Secret. Without a key nothing
    secret goes into it; no pod starts then.
    """
    parts = [view.config.to_json(), credentials.ca_bundle or ""]
    if view.sync_enabled and key is not None:
        parts += [f"{name}={value}" for name, value in sorted(credentials.values.items())]
        parts += [(credentials.previous_webhook_key or b"").hex()]
        return hmac.digest(key, "\0".join(parts).encode(), "sha256").hex()[:32]
    return hmac.digest(view.owner.uid.encode(), "\0".join(parts).encode(), "sha256").hex()[:32]


def _wanted(view: AddinView, image: str, digest: str, live: Object | None) -> list[Object]:
    owner, config = view.owner, view.config
    bodies = [configmap.build(owner, config), serviceaccount.build(owner)]
    if view.sync_enabled:
        bodies.append(rolebinding.build(owner))
    bodies += [deployment.build(view, image=image, config_hash=digest, live=live), service.build(owner)]
    bodies += [_EXPOSURES[kind](owner, config, asked) for kind, asked in _asked(view, EXPOSURES)]
    bodies += [_PARTS[kind](owner, asked) for kind, asked in _asked(view, PARTS)]
    return bodies


def _asked(view: AddinView, fields: Mapping[str, str]) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the optional kinds that the spec asks for, each with its settings."""
    return [(kind, view.spec[name]) for kind, name in fields.items() if view.spec.get(name) is not None]


_EXPOSURES: Mapping[str, Callable[[Owner, AddinConfig, Mapping[str, Any]], Object]] = {
    "Ingress": ingress.build,
    "HTTPRoute": httproute.build,
    "Route": route.build,
}
_PARTS: Mapping[str, Callable[[Owner, Mapping[str, Any]], Object]] = {
    "HorizontalPodAutoscaler": autoscaler.build,
    "PodDisruptionBudget": disruptionbudget.build,
    "NetworkPolicy": networkpolicy.build,
    "PodMonitor": podmonitor.build,
}


def _is_taken(child: Object | None, owner: Owner) -> bool:
    """Tell whether an object is somebody else's: never taken over unless its annotation says so."""
    if child is None or _is_ours(child, owner):
        return False
    return (child["metadata"].get("annotations") or {}).get(ADOPT) != "true"


def _is_ours(child: Object, owner: Owner) -> bool:
    return any(item["uid"] == owner.uid for item in _addins_of(child))


def _is_predecessors(child: Object, owner: Owner) -> bool:
    """Tell whether it belongs to an OutlookAddin of our name: a deleted one, which takes it along soon."""
    return any(item["name"] == owner.name and item["uid"] != owner.uid for item in _addins_of(child))


def _addins_of(child: Object) -> Iterable[Mapping[str, Any]]:
    references = child["metadata"].get("ownerReferences") or ()
    return (item for item in references if item.get("controller") and item["kind"] == ADDIN)


def _superfluous(observed: Observed, wanted: set[str]) -> list[Object]:
    """Return what is ours and not wanted any more.

    The webhook key stays until the OutlookAddin goes: subscriptions made with it may come back, and the
    operator needs no right to delete Secrets.
    """
    unwanted = [child for kind, child in observed.children.items() if kind not in wanted and kind != "Secret"]
    return [child for child in (*unwanted, *observed.strays) if _is_ours(child, observed.view.owner)]

"""All reads about one OutlookAddin."""

import asyncio

from outlook_addin_core.domain.resources import MANAGED_BY
from outlook_addin_operator.addin.invitation import Invitation, interpret
from outlook_addin_operator.addin.objects.labels import selector
from outlook_addin_operator.addin.plan import OPTIONAL, Observed, names
from outlook_addin_operator.addin.spec import AddinView, Owner
from outlook_addin_operator.cluster import Cluster, ClusterError, ForbiddenError, NotServedError
from outlook_addin_operator.credentials import CredentialsReader
from outlook_addin_operator.keys import FIELD_MANAGER, Object


async def gather(cluster: Cluster, credentials: CredentialsReader, body: Object, view: AddinView) -> Observed:
    """Read the Secret, the ConfigMaps and whatever exists under the names of the children."""
    expected = names(view.owner)
    found = await asyncio.gather(*(_child(cluster, kind, view, name) for kind, name in expected.items()))
    served = [kind for kind, _, known in found if known]
    strays = await asyncio.gather(*(_strays(cluster, kind, view.owner, expected[kind]) for kind in served))
    return Observed(
        body=body,
        view=view,
        credentials=await credentials.read(view, fresh=True),
        invitation=await _invitation(cluster, view),
        children={kind: child for kind, child, _ in found if child is not None},
        unserved=frozenset(expected) - frozenset(served),
        strays=[body for bodies in strays for body in bodies],
    )


async def pods(cluster: Cluster, owner: Owner) -> list[Object]:
    """Return the pods; none if the operator may not see them, which costs only a better message."""
    try:
        return await cluster.list("Pod", owner.namespace, labels=dict(selector(owner)))
    except ForbiddenError:
        return []


async def _invitation(cluster: Cluster, view: AddinView) -> Invitation:
    name = view.invitation_text_ref
    if name is None:
        return Invitation()
    return interpret(name, await cluster.get("ConfigMap", view.owner.namespace, name))


async def _child(cluster: Cluster, kind: str, view: AddinView, name: str) -> tuple[str, Object | None, bool]:
    """Read one child; what nobody asks for may be unknown or out of order, as an aggregated API can be."""
    try:
        return kind, await cluster.get(kind, view.owner.namespace, name), True
    except NotServedError:
        if kind not in OPTIONAL:
            raise
    except ClusterError:
        if kind not in OPTIONAL or view.spec.get(OPTIONAL[kind]) is not None:
            raise
    return kind, None, False


async def _strays(cluster: Cluster, kind: str, owner: Owner, name: str) -> list[Object]:
    """Return what bears our labels under another name, as an older version may have left it.

    Secrets are never listed.
    """
    if kind == "Secret":
        return []
    labels = {**selector(owner), MANAGED_BY: FIELD_MANAGER}
    found = await cluster.list(kind, owner.namespace, labels=labels)
    return [{**body, "kind": kind} for body in found if body["metadata"]["name"] != name]

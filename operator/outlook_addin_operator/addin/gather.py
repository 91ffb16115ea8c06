"""All reads about one OutlookAddin."""

import asyncio

from outlook_addin_operator.addin.objects.labels import selector
from outlook_addin_operator.addin.plan import EXPOSURES, Observed, names
from outlook_addin_operator.addin.spec import AddinView, Owner
from outlook_addin_operator.cluster import Cluster, ForbiddenError, NotServedError
from outlook_addin_operator.credentials import CredentialsReader
from outlook_addin_operator.keys import Object


async def gather(cluster: Cluster, credentials: CredentialsReader, body: Object, view: AddinView) -> Observed:
    """Read the Secret, the CA bundle and whatever exists under the names of the children."""
    found = await asyncio.gather(
        *(_child(cluster, kind, view.owner, name) for kind, name in names(view.owner).items())
    )
    return Observed(
        body=body,
        view=view,
        credentials=await credentials.read(view, fresh=True),
        children={kind: child for kind, child, _ in found if child is not None},
        unserved=frozenset(kind for kind, _, served in found if not served),
    )


async def pods(cluster: Cluster, owner: Owner) -> list[Object]:
    """Return the pods; none if the operator may not see them, which costs only a better message."""
    try:
        return await cluster.list("Pod", owner.namespace, labels=dict(selector(owner)))
    except ForbiddenError:
        return []


async def _child(cluster: Cluster, kind: str, owner: Owner, name: str) -> tuple[str, Object | None, bool]:
    try:
        return kind, await cluster.get(kind, owner.namespace, name), True
    except NotServedError:
        if kind not in EXPOSURES:
            raise
        return kind, None, False

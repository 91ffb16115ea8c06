"""Carries out a plan. One object that is refused does not hold back the others."""

from outlook_addin_operator.addin.plan import Plan
from outlook_addin_operator.cluster import Cluster, ClusterError, ConflictError
from outlook_addin_operator.keys import Key, Object


async def apply(cluster: Cluster, plan: Plan) -> tuple[dict[str, Object], list[str]]:
    """Create, apply and prune.

    Returns:
        The applied objects by kind, and what was refused, in the API server's words.

    Raises:
        ConflictError: Somebody made the webhook key at the same time; read again.
    """
    applied: dict[str, Object] = {}
    errors: list[str] = []
    for body in plan.create:
        try:
            exists = not await cluster.create(body)
        except ClusterError as error:
            errors.append(_told(body, error))
        else:
            if exists:
                raise ConflictError(f"{body['kind']} {body['metadata']['name']} appeared meanwhile")
    for body in plan.apply:
        try:
            applied[body["kind"]] = await cluster.apply(body)
        except ClusterError as error:
            errors.append(_told(body, error))
    for child in plan.prune:
        metadata = child["metadata"]
        await cluster.delete(Key(child["kind"], metadata["namespace"], metadata["name"]))
    return applied, errors


def _told(body: Object, error: ClusterError) -> str:
    return f"{body['kind']} {body['metadata']['name']}: {error}."

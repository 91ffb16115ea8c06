"""Carries out a plan. One object that is refused does not hold back the others."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from outlook_addin_operator.addin.drift import is_applied, marked
from outlook_addin_operator.addin.plan import EXPOSURES, Plan
from outlook_addin_operator.cluster import Cluster, ClusterError, ConflictError, ImmutableError
from outlook_addin_operator.keys import Object, key_of

RECREATED: Final = frozenset({"RoleBinding"})
"""Kinds that are made anew when they cannot be changed in place: nobody notices."""


@dataclass
class Applied:
    """What came of a plan.

    Args:
        objects: The wanted objects by kind, as they are now.
        errors: What was refused, in the API server's words.
        immutable: The kinds that would have to be made anew, which only a person may decide.
    """

    objects: dict[str, Object] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    immutable: list[str] = field(default_factory=list)


async def apply(cluster: Cluster, plan: Plan, present: Mapping[str, Object]) -> Applied:
    """Create, apply and prune; what is as it was applied is not written again.

    Args:
        cluster: Where.
        plan: What is wanted.
        present: What exists, by kind.

    Raises:
        ConflictError: Somebody made the webhook key or scaled the Deployment at the same time; read again.
    """
    result = Applied()
    for body in plan.create:
        try:
            exists = not await cluster.create(body)
        except ClusterError as error:
            result.errors.append(_told(body, error))
        else:
            if exists:
                raise ConflictError(f"{body['kind']} {body['metadata']['name']} appeared meanwhile")
    for wanted in plan.apply:
        body, live = marked(wanted), present.get(wanted["kind"])
        if live is not None and is_applied(live, body):
            result.objects[body["kind"]] = live
        else:
            await _apply_one(cluster, body, result)
    for child in plan.prune:
        if child["kind"] not in EXPOSURES or _stand(plan, result):
            await _prune_one(cluster, child, result)
    return result


def _stand(plan: Plan, result: Applied) -> bool:
    """Tell whether the ways in that are wanted are there: until then the one before is not taken away."""
    wanted = {body["kind"] for body in plan.apply} & EXPOSURES.keys()
    return plan.unavailable is None and wanted <= result.objects.keys()


async def _prune_one(cluster: Cluster, child: Object, result: Applied) -> None:
    try:
        await cluster.delete(key_of(child["kind"], child))
    except ClusterError as error:
        result.errors.append(_told(child, error))


async def _apply_one(cluster: Cluster, body: Object, result: Applied) -> None:
    kind = body["kind"]
    try:
        result.objects[kind] = await cluster.apply(body)
    except ConflictError:
        raise
    except ImmutableError as error:
        if kind in RECREATED:
            await cluster.delete(key_of(kind, body))
            result.objects[kind] = await cluster.apply(body)
        else:
            result.immutable.append(kind)
            result.errors.append(_told(body, error))
    except ClusterError as error:
        result.errors.append(_told(body, error))


def _told(body: Object, error: ClusterError) -> str:
    return f"{body['kind']} {body['metadata']['name']}: {error}."

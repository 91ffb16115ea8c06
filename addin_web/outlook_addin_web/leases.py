"""The Lease in Kubernetes."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import lightkube
from lightkube.models.coordination_v1 import LeaseSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.coordination_v1 import Lease

from outlook_addin_web.election import LENGTH, Term
from outlook_addin_web.store_errors import Exists, Missing, store_errors

KIND: Final = "leases"


def lease_name(addin: str) -> str:
    """Return the name of the Lease that the add-in's replicas sweep under."""
    return f"{addin}-web-sweeper"


class KubernetesLease:
    """Fits ``ports.Lease``.

    Args:
        client: With the rights of the ClusterRole ``outlook-addin-web``.
        addin: Whose replicas share the Lease.
        namespace: Where it lives.
    """

    def __init__(self, client: lightkube.AsyncClient, addin: str, namespace: str) -> None:
        self._client = client
        self._name = lease_name(addin)
        self._namespace = namespace

    async def read(self) -> Term | None:
        """Return whose the Lease is."""
        try:
            async with store_errors("get", KIND):
                found = await self._client.get(Lease, self._name, namespace=self._namespace)
        except Missing:
            return None
        return _term(found)

    async def write(self, term: Term) -> Term | None:
        """Write a term over the one that was read; the API server sees to it that only one can."""
        try:
            async with store_errors("update" if term.version else "create", KIND):
                written = await self._send(self._lease(term), replace=bool(term.version))
        except (Exists, Missing):
            return None
        return _term(written)

    async def _send(self, lease: Lease, *, replace: bool) -> Lease:
        if replace:
            return await self._client.replace(lease)
        return await self._client.create(lease)

    def _lease(self, term: Term) -> Lease:
        return Lease(
            metadata=ObjectMeta(
                name=self._name, namespace=self._namespace, resourceVersion=term.version or None
            ),
            spec=LeaseSpec(
                holderIdentity=term.holder,
                acquireTime=_micro(term.acquired),
                renewTime=_micro(term.renewed),
                leaseDurationSeconds=int(term.length.total_seconds()),
                leaseTransitions=term.transitions,
            ),
        )


def _micro(moment: datetime) -> Any:
    """Write a MicroTime, which wants all six digits."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _term(lease: Lease) -> Term:
    spec, metadata = lease.spec or LeaseSpec(), lease.metadata or ObjectMeta()
    seconds = spec.leaseDurationSeconds
    return Term(
        spec.holderIdentity or "",
        _moment(spec.acquireTime),
        _moment(spec.renewTime),
        spec.leaseTransitions or 0,
        metadata.resourceVersion or "",
        timedelta(seconds=seconds) if seconds else LENGTH,
    )


def _moment(value: Any) -> datetime:
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    return value if isinstance(value, datetime) else datetime.fromtimestamp(0, UTC)

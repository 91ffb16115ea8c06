"""The sweeper's Lease in Kubernetes."""

from typing import Final

import lightkube

from outlook_addin_core.clients.leases import Lease, lease_of, term_of
from outlook_addin_core.domain.election import Term
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
                return term_of(dict(await self._client.get(Lease, self._name, namespace=self._namespace)))
        except Missing:
            return None

    async def write(self, term: Term) -> Term | None:
        """Write a term over the one that was read; the API server sees to it that only one can."""
        lease = lease_of(term, self._name, self._namespace)
        send = self._client.replace if term.version else self._client.create
        try:
            async with store_errors("update" if term.version else "create", KIND):
                return term_of(dict(await send(lease)))
        except (Exists, Missing):
            return None

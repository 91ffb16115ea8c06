"""The Lease, through a client of its own: renewals share neither loop nor connections with the work."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

import httpx2
import lightkube

from outlook_addin_core.clients.leases import Lease, lease_of, term_of
from outlook_addin_core.domain.election import Term
from outlook_addin_core.domain.resources import LEASE, MANAGED_BY
from outlook_addin_operator.keys import FIELD_MANAGER
from outlook_addin_operator.lease import LeaseConflictError, LeaseError


class KubernetesLease:
    """Fits ``lease.LeaseStore``; synchronous, for one thread.

    Args:
        client: Closed by ``close``; its time-out has to be well below the Lease's duration.
    """

    def __init__(self, client: lightkube.Client, namespace: str) -> None:
        self._client = client
        self._namespace = namespace

    @classmethod
    def beside(cls, client: lightkube.AsyncClient, namespace: str, timeout: float) -> "KubernetesLease":
        """Return a store that reaches the same cluster as another client."""
        own = lightkube.Client(client.config, timeout=httpx2.Timeout(timeout), trust_env=False)
        return cls(own, namespace)

    def read(self) -> Term | None:
        """Return the term; None if there is none."""
        try:
            with _errors():
                return term_of(dict(self._client.get(Lease, LEASE, namespace=self._namespace)))
        except _NotFoundError:
            return None

    def write(self, term: Term) -> Term:
        """Write over the version that the term names, or the first one."""
        lease = lease_of(term, LEASE, self._namespace, {MANAGED_BY: FIELD_MANAGER})
        send = self._client.replace if term.version else self._client.create
        with _errors():
            return term_of(dict(send(lease, field_manager=FIELD_MANAGER)))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


class _NotFoundError(LeaseError):
    """404."""


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except httpx2.HTTPStatusError as error:
        kinds: dict[int, type[LeaseError]] = {
            HTTPStatus.NOT_FOUND: _NotFoundError,
            HTTPStatus.CONFLICT: LeaseConflictError,
        }
        code = error.response.status_code
        raise kinds.get(code, LeaseError)(f"the API server answered {code} about the Lease") from error
    except httpx2.RequestError as error:
        raise LeaseError(f"the API server gave no answer about the Lease ({type(error).__name__})") from error

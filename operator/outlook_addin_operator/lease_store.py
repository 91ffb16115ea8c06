"""The Lease, through a client of its own: renewals share neither loop nor connections with the work."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

import httpx2
import lightkube
from lightkube.generic_resource import create_namespaced_resource

from outlook_addin_operator.keys import FIELD_MANAGER, MANAGED_BY
from outlook_addin_operator.lease import LeaseConflictError, LeaseError, LeaseRecord

GROUP, VERSION, PLURAL = "coordination.k8s.io", "v1", "leases"
NAME: Final = "outlook-addin-operator"

_Lease: Any = create_namespaced_resource(GROUP, VERSION, "Lease", PLURAL)


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

    def read(self) -> LeaseRecord | None:
        """Return the record; None if there is none."""
        try:
            with _errors():
                return record_of(dict(self._client.get(_Lease, NAME, namespace=self._namespace)))
        except _NotFoundError:
            return None

    def create(self, record: LeaseRecord) -> LeaseRecord:
        """Write the first record."""
        with _errors():
            return record_of(dict(self._client.create(self._body(record), field_manager=FIELD_MANAGER)))

    def replace(self, record: LeaseRecord) -> LeaseRecord:
        """Write over the version that the record names."""
        with _errors():
            return record_of(dict(self._client.replace(self._body(record), field_manager=FIELD_MANAGER)))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _body(self, record: LeaseRecord) -> Any:
        metadata: dict[str, Any] = {"name": NAME, "namespace": self._namespace}
        metadata["labels"] = {MANAGED_BY: FIELD_MANAGER}
        if record.version:
            metadata["resourceVersion"] = record.version
        spec = {
            "holderIdentity": record.holder,
            "leaseDurationSeconds": record.duration,
            "acquireTime": record.acquired and _format(record.acquired),
            "renewTime": record.renewed and _format(record.renewed),
            "leaseTransitions": record.transitions,
        }
        return _Lease(
            apiVersion=f"{GROUP}/{VERSION}",
            kind="Lease",
            metadata=metadata,
            spec={key: value for key, value in spec.items() if value is not None},
        )


def record_of(body: Mapping[str, Any]) -> LeaseRecord:
    """Read a Lease as the API server returned it."""
    spec = body.get("spec") or {}
    return LeaseRecord(
        holder=spec.get("holderIdentity") or "",
        duration=spec.get("leaseDurationSeconds") or 1,
        acquired=_parse(spec.get("acquireTime")),
        renewed=_parse(spec.get("renewTime")),
        transitions=spec.get("leaseTransitions") or 0,
        version=body["metadata"].get("resourceVersion") or "",
    )


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


def _format(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _parse(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None

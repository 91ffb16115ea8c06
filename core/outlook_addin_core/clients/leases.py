"""How a term of office is written as a Lease of Kubernetes, and read from one."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from lightkube.generic_resource import create_namespaced_resource

from outlook_addin_core.domain.election import Term

GROUP: Final = "coordination.k8s.io"
VERSION: Final = "v1"
PLURAL: Final = "leases"

Lease: Any = create_namespaced_resource(GROUP, VERSION, "Lease", PLURAL)


def lease_of(term: Term, name: str, namespace: str, labels: Mapping[str, str] | None = None) -> Any:
    """Return the object that says so; with a version, it replaces only that version."""
    metadata: dict[str, Any] = {"name": name, "namespace": namespace}
    if labels:
        metadata["labels"] = dict(labels)
    if term.version:
        metadata["resourceVersion"] = term.version
    spec = {
        "holderIdentity": term.holder,
        "leaseDurationSeconds": int(term.length.total_seconds()),
        "acquireTime": term.acquired and _micro_time(term.acquired),
        "renewTime": term.renewed and _micro_time(term.renewed),
        "leaseTransitions": term.transitions,
    }
    return Lease(
        apiVersion=f"{GROUP}/{VERSION}",
        kind="Lease",
        metadata=metadata,
        spec={key: value for key, value in spec.items() if value is not None},
    )


def term_of(body: Mapping[str, Any]) -> Term:
    """Read a Lease as the API server returned it; somebody else may have written it, and left fields out."""
    spec = body.get("spec") or {}
    return Term(
        holder=spec.get("holderIdentity") or "",
        length=timedelta(seconds=spec.get("leaseDurationSeconds") or 1),
        acquired=_moment(spec.get("acquireTime")),
        renewed=_moment(spec.get("renewTime")),
        transitions=spec.get("leaseTransitions") or 0,
        version=body["metadata"].get("resourceVersion") or "",
    )


def _micro_time(moment: datetime) -> str:
    """Write a MicroTime, which wants all six digits."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None

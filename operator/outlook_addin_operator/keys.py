"""What is reconciled is named by kind, namespace and name: a child's event knows no more of its owner."""

from collections.abc import Mapping
from sys import intern
from typing import Any, Final, NamedTuple, TypeAlias

from outlook_addin_core.domain.resources import FINALIZER

ADOPT: Final = "outlook-addin.dev/adopt"
APPLIED: Final = "outlook-addin.dev/applied"

FIELD_MANAGER: Final = "outlook-addin-operator"

Object: TypeAlias = dict[str, Any]
"""A Kubernetes object as it stands in JSON."""


class Key(NamedTuple):
    """The name of one object of one kind."""

    kind: str
    namespace: str
    name: str


def key_of(kind: str, body: Mapping[str, Any]) -> Key:
    """Return the key of an object that the API server returned."""
    metadata = body["metadata"]
    return Key(kind, intern(metadata["namespace"]), metadata["name"])


def has_finalizer(body: Mapping[str, Any]) -> bool:
    """Tell whether our finalizer holds the object."""
    return FINALIZER in body["metadata"].get("finalizers", ())


def is_deleting(body: Mapping[str, Any]) -> bool:
    """Tell whether somebody deleted the object, and it waits for its finalizers."""
    return bool(body["metadata"].get("deletionTimestamp"))

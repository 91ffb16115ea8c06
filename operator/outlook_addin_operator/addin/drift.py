"""Whether an object is as it was applied, so that nothing has to be written. Pure.

Every child carries a digest of what was applied. It changes with every change of what is wanted, also when a
field is wanted no more; what somebody else changed or removed shows in the fields themselves. What others
added stays out of account, as it does for a server-side apply.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from lightkube.utils.quantity import parse_quantity

from outlook_addin_operator.keys import APPLIED, Object

SHARED: Final[Mapping[str, frozenset[str]]] = {
    "Deployment": frozenset(
        {
            "containers",
            "env",
            "imagePullSecrets",
            "ports",
            "topologySpreadConstraints",
            "volumeMounts",
            "volumes",
        }
    ),
    "Service": frozenset({"ports"}),
}
"""Lists that a server-side apply merges, so that others may add items; all other lists are ours as a whole.

Source: the merge keys in kubernetes.io/docs/reference/kubernetes-api.
"""

_OWNERS: Final = "ownerReferences"
_QUANTITIES: Final = frozenset({"limits", "requests"})


def marked(body: Object) -> Object:
    """Return what is applied: the object with the digest of itself."""
    metadata = {key: value for key, value in body["metadata"].items() if key != "resourceVersion"}
    text = json.dumps({**body, "metadata": metadata}, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    annotations = {**(metadata.get("annotations") or {}), APPLIED: digest}
    return {**body, "metadata": {**body["metadata"], "annotations": annotations}}


def is_applied(live: Object, wanted: Object) -> bool:
    """Tell whether an object has every field of what ``marked`` returned, with its value."""
    shared = SHARED.get(wanted["kind"], frozenset()) | {_OWNERS}
    return all(_has(live.get(name), value, name, shared) for name, value in wanted.items())


def _has(live: Any, wanted: Any, name: str, shared: frozenset[str]) -> bool:
    """Compare one field; the API server leaves out empty lists."""
    match wanted:
        case dict():
            if not isinstance(live, Mapping):
                return False
            if name in _QUANTITIES:
                return all(_quantity(live.get(key)) == _quantity(value) for key, value in wanted.items())
            return all(_has(live.get(key), value, key, shared) for key, value in wanted.items())
        case list():
            return _has_items(live or [], wanted, name, shared)
        case _:
            return bool(live == wanted)


def _has_items(live: Any, wanted: Sequence[Any], name: str, shared: frozenset[str]) -> bool:
    if not isinstance(live, list):
        return False
    if name in shared:
        return all(any(_has(item, each, "", shared) for item in live) for each in wanted)
    same_length = len(live) == len(wanted)
    return same_length and all(_has(*pair, "", shared) for pair in zip(live, wanted, strict=True))


def _quantity(value: Any) -> Decimal | str | None:
    """Return the number that a quantity is: the API server writes 1000m as 1."""
    try:
        return parse_quantity(None if value is None else str(value))
    except ValueError:
        return str(value)

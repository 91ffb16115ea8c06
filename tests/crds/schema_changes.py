"""What a new schema takes away from those who use the old one.

Sources: kubernetes.io/docs/reference/using-api/deprecation-policy and, for rules that hold only for what is
new, "Validation ratcheting" in kubernetes.io/docs/tasks/extend-kubernetes/custom-resources.
"""

from collections.abc import Iterator
from typing import Any

JSON = dict[str, Any]

_UPPER = ("maximum", "maxLength", "maxItems", "maxProperties")
_LOWER = ("minimum", "minLength", "minItems", "minProperties")
_FIXED = ("type", "format", "pattern", "default", "x-kubernetes-list-type", "x-kubernetes-list-map-keys")


def breaking(old: JSON, new: JSON) -> list[str]:
    """Return, in words, what breaks between two CustomResourceDefinitions."""
    return [*_names(old["spec"], new["spec"]), *_versions(old["spec"], new["spec"])]


def _names(old: JSON, new: JSON) -> Iterator[str]:
    for key in ("group", "scope"):
        if old[key] != new[key]:
            yield f"{key} changed"
    for key in ("kind", "plural"):
        if old["names"][key] != new["names"][key]:
            yield f"names.{key} changed"


def _versions(old: JSON, new: JSON) -> Iterator[str]:
    present = {version["name"]: version for version in new["versions"]}
    for version in old["versions"]:
        name = version["name"]
        if name not in present or not present[name]["served"]:
            yield f"{name} is not served any more"
            continue
        before, after = (each["schema"]["openAPIV3Schema"] for each in (version, present[name]))
        yield from _schema(before, after, name)
        for subresource in version.get("subresources", {}):
            if subresource not in present[name].get("subresources", {}):
                yield f"{name}: subresource {subresource} was removed"


def _schema(old: JSON, new: JSON, path: str) -> Iterator[str]:
    yield from _values(old, new, path)
    yield from _rules(old, new, path)
    before, after = old.get("properties", {}), new.get("properties", {})
    for name in before.keys() - after.keys():
        yield f"{path}.{name} was removed"
    for name in set(new.get("required", ())) - set(old.get("required", ())):
        yield f"{path}.{name} is required now"
    for name in before.keys() & after.keys():
        yield from _schema(before[name], after[name], f"{path}.{name}")
    for inner in ("items", "additionalProperties"):
        if isinstance(old.get(inner), dict) and isinstance(new.get(inner), dict):
            yield from _schema(old[inner], new[inner], f"{path}[]")


def _values(old: JSON, new: JSON, path: str) -> Iterator[str]:
    for key in _FIXED:
        if old.get(key) != new.get(key):
            yield f"{path}: {key} changed"
    for key in _UPPER:
        if key in new and new[key] < old.get(key, float("inf")):
            yield f"{path}: {key} is lower"
    for key in _LOWER:
        if key in new and new[key] > old.get(key, float("-inf")):
            yield f"{path}: {key} is higher"
    if "enum" in new and not set(old.get("enum", (None,))) <= set(new["enum"]):
        yield f"{path}: enum allows less"
    loose = "x-kubernetes-preserve-unknown-fields"
    if old.get(loose) and not new.get(loose):
        yield f"{path}: unknown fields are dropped now"


def _rules(old: JSON, new: JSON, path: str) -> Iterator[str]:
    known = {rule["rule"] for rule in old.get("x-kubernetes-validations", ())}
    for rule in new.get("x-kubernetes-validations", ()):
        if rule["rule"] not in known and not _spares_what_exists(rule):
            yield f"{path}: a new rule holds for objects that exist ({rule['rule']})"


def _spares_what_exists(rule: JSON) -> bool:
    """Tell whether a rule lets pass what was there before and has not changed."""
    return bool(rule.get("optionalOldSelf")) and "oldSelf" in rule["rule"]

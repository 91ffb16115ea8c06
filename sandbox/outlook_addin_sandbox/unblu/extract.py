"""Reduce the full description of the Unblu Web API to what this project calls.

Usage: `python -m outlook_addin_sandbox.unblu.extract FULL.yaml` writes `openapi.json` beside this file:
the used operations and every schema they reach, without prose, examples and vendor extensions
(`x-required-role` stays: the simulator's role rules are tested against it).
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

import yaml

OPERATIONS = (
    "authenticatorGetCurrentPerson",
    "globalPing",
    "conversationsCreate",
    "conversationsDelete",
    "conversationsRead",
    "conversationsSearch",
    "conversationsSetScheduledTimestamp",
    "conversationsSetTopic",
    "conversationsUpdateMetadata",
)
PROSE = frozenset({"description", "summary", "example", "examples", "tags"})
KEPT_EXTENSIONS = frozenset({"x-required-role"})
TARGET = Path(__file__).with_name("openapi.json")


def extract(full: dict[str, Any]) -> dict[str, Any]:
    """Return the reduced description."""
    paths: dict[str, Any] = {}
    for path, methods in full["paths"].items():
        used = {method: bare(body) for method, body in methods.items() if body["operationId"] in OPERATIONS}
        if used:
            paths[path] = used
    responses = bare(full["components"]["responses"])
    schemas = _reachable(full["components"]["schemas"], _references([paths, responses]))
    return {
        "openapi": full["openapi"],
        "info": {"title": full["info"]["title"], "version": full["info"]["version"]},
        "paths": paths,
        "components": {"responses": responses, "schemas": dict(sorted(schemas.items()))},
    }


def bare(node: Any, *, is_property_map: bool = False) -> Any:
    """Return a node without prose; names of properties are never taken for prose."""
    if isinstance(node, list):
        return [bare(each) for each in node]
    if not isinstance(node, dict):
        return node
    return {
        name: bare(value, is_property_map=name in {"properties", "mapping"} and not is_property_map)
        for name, value in node.items()
        if is_property_map or not _is_prose(name)
    }


def _is_prose(name: str) -> bool:
    return name in PROSE or (name.startswith("x-") and name not in KEPT_EXTENSIONS)


def _reachable(schemas: dict[str, Any], first: set[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    waiting = first
    while waiting:
        found |= {name: bare(schemas[name]) for name in waiting}
        waiting = _references([found[name] for name in waiting]) - found.keys()
    return found


def _references(node: Any) -> set[str]:
    return set(re.findall(r"#/components/schemas/(\w+)", json.dumps(node)))


def main() -> None:
    """Write the extract of the file that the command line names."""
    full = yaml.safe_load(Path(sys.argv[1]).read_text(encoding="utf-8"))
    text = json.dumps(extract(full), indent=1, sort_keys=False)
    TARGET.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""The official description of the Unblu Web API (`openapi.json`), made strict enough to check traffic.

Three readings of it: properties that are not listed are mistakes; null stands for an absent value, as in
the description's own examples; and a discriminator, where there is one, must be given and decides.
"""

import json
import re
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

DESCRIPTION = Path(__file__).with_name("openapi.json")


class Contract:
    """Checks requests and answers of `METHOD /path` against the description."""

    def __init__(self) -> None:
        self._description = json.loads(DESCRIPTION.read_text(encoding="utf-8"))
        components = self._description["components"]
        self._schemas = {name: _strict(schema) for name, schema in components["schemas"].items()}

    def check_request(self, method: str, path: str, body: Any) -> None:
        """Raise jsonschema.ValidationError for a body that the operation does not describe."""
        described = self.operation(method, path).get("requestBody")
        if described is not None:
            self._check(described["content"]["application/json"]["schema"], body)

    def check_answer(self, method: str, path: str, status: int, body: Any) -> None:
        """Raise jsonschema.ValidationError for an answer that the operation does not describe."""
        responses = self.operation(method, path)["responses"]
        described = responses.get(str(status), self._description["components"]["responses"]["ErrorResponse"])
        if "content" in described:
            self._check(described["content"]["application/json"]["schema"], body)

    def operation(self, method: str, path: str) -> dict[str, Any]:
        """Return the operation that a path below the API's base belongs to; KeyError when there is none."""
        for template, methods in self._description["paths"].items():
            if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path) and method.lower() in methods:
                found: dict[str, Any] = methods[method.lower()]
                return found
        raise KeyError(f"{method} {path}")

    def _check(self, schema: dict[str, Any], body: Any) -> None:
        whole = {**_strict(schema), "components": {"schemas": self._schemas}}
        Draft202012Validator(whole).validate(body)


def _strict(schema: dict[str, Any]) -> dict[str, Any]:
    if "discriminator" in schema:
        return _discriminated(schema["discriminator"])
    if "oneOf" in schema:
        return {"oneOf": [_strict(each) for each in schema["oneOf"]]}
    if schema.get("type") == "array":
        return {**schema, "items": _strict(schema["items"])}
    if "properties" in schema:
        optional = {name: _optional(_strict(each)) for name, each in schema["properties"].items()}
        return {**schema, "properties": optional, "additionalProperties": False}
    return schema


def _optional(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [{"type": "null"}, schema]}


def _discriminated(discriminator: dict[str, Any]) -> dict[str, Any]:
    name, mapping = discriminator["propertyName"], discriminator["mapping"]
    choices = [
        {"if": {"properties": {name: {"const": value}}}, "then": {"$ref": reference}}
        for value, reference in mapping.items()
    ]
    return {
        "type": "object",
        "required": [name],
        "properties": {name: {"enum": list(mapping)}},
        "allOf": choices,
    }

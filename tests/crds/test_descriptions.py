from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
JSON = dict[str, Any]


def described(schema: JSON, path: str = "spec") -> list[str]:
    """Paths below a schema that lack a description."""
    missing = []
    for name, field in schema.get("properties", {}).items():
        here = f"{path}.{name}"
        if "description" not in field:
            missing.append(here)
        missing += described(field, here) + described(field.get("items", {}), f"{here}[]")
    return missing


@pytest.mark.parametrize("file", ["outlookaddins", "calendarsubscriptions"])
def test_every_field_has_a_description(file: str) -> None:
    crd = yaml.safe_load((ROOT / f"crds/{file}.yaml").read_text())
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert described(schema["properties"]["spec"]) + described(schema["properties"]["status"], "status") == []

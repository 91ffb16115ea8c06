"""Every optional part has an example, and a real API server takes each."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from outlook_addin_operator.addin.plan import OPTIONAL
from outlook_addin_operator.addin.spec import view
from outlook_addin_sandbox.cluster.kubectl import Kubectl

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "manifests" / "examples").glob("*.yaml"))


def addins(path: Path) -> list[dict[str, Any]]:
    bodies: list[dict[str, Any]] = list(yaml.safe_load_all(path.read_text()))
    return [body for body in bodies if body["kind"] == "OutlookAddin"]


def test_every_optional_part_has_an_example() -> None:
    shown = {field for path in EXAMPLES for body in addins(path) for field in body["spec"]}
    assert set(OPTIONAL.values()) | {"suspend"} <= shown


@pytest.mark.usefixtures("crds")
@pytest.mark.parametrize("path", [*EXAMPLES, ROOT / "manifests" / "example.yaml"], ids=lambda path: path.stem)
def test_every_example_is_taken_by_the_api_server_and_by_the_operator(
    path: Path, kubectl: Kubectl, namespace: str
) -> None:
    text = kubectl("apply", "-n", namespace, "--dry-run=server", "-f", str(path), "-o", "json")
    found = json.loads(text)
    for body in found.get("items", [found]):
        if body["kind"] == "OutlookAddin":
            assert view({**body, "metadata": {**body["metadata"], "uid": "u"}}).config.base_url

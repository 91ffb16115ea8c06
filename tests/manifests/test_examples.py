"""Every optional part has an example, and a real API server takes each."""

import json
import re
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


def kustomizations() -> list[str]:
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "install.md").read_text(), re.DOTALL)
    return [block for block in blocks if "kind: Kustomization" in block]


@pytest.mark.parametrize("text", kustomizations(), ids=["own images", "own namespace"])
def test_the_kustomizations_of_the_guide_can_be_built(tmp_path: Path, kubectl: Kubectl, text: str) -> None:
    bodies = built(tmp_path, kubectl, text)
    [operator] = [body for body in bodies if body["kind"] == "Deployment"]
    [container] = operator["spec"]["template"]["spec"]["containers"]
    variables = {item["name"]: item.get("value") for item in container["env"]}
    own = "images:" in text
    registry = "registry.bank.example/" if own else ""
    assert container["image"] == f"{registry}outlook-addin-operator:0.1.0"
    assert variables["WEB_IMAGE"] == f"{registry}outlook-addin-web:0.1.0"
    assert ("WATCH_NAMESPACES" in variables) != own


def test_workload_identity_for_one_namespace_gives_no_right_elsewhere(
    tmp_path: Path, kubectl: Kubectl
) -> None:
    parts = ", ".join(
        f"outlook-addin-operator/manifests/components/{name}" for name in ("workload-identity", "namespaced")
    )
    text = f"resources: [outlook-addin-operator/manifests]\ncomponents: [{parts}]\n"
    bodies = built(tmp_path, kubectl, text)
    assert not [body for body in bodies if body["kind"] == "ClusterRoleBinding"]
    bound = {body["roleRef"]["name"] for body in bodies if body["kind"] == "RoleBinding"}
    assert "outlook-addin-operator-workload-identity" in bound


def built(folder: Path, kubectl: Kubectl, text: str) -> list[dict[str, Any]]:
    """Build a kustomization beside a checkout of the project."""
    (folder / "outlook-addin-operator").mkdir()
    for name in ("manifests", "crds"):
        (folder / "outlook-addin-operator" / name).symlink_to(ROOT / name)
    (folder / "kustomization.yaml").write_text(text)
    yielded = kubectl("kustomize", str(folder), "--load-restrictor=LoadRestrictionsNone")
    return list(yaml.safe_load_all(yielded))

"""Who upgrades loses nothing: the schemas beside those that were released last.

A release puts its schemas into `released/`.
"""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from crds.schema_changes import breaking
from outlook_addin_sandbox.cluster.control_plane import ControlPlane
from outlook_addin_sandbox.cluster.kubectl import ESTABLISHED, Kubectl

ROOT = Path(__file__).resolve().parents[2]
RELEASED = Path(__file__).with_name("released")
KINDS = ("outlookaddins", "calendarsubscriptions")
GUID = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"


def read(folder: Path, kind: str) -> dict[str, Any]:
    body: dict[str, Any] = yaml.safe_load((folder / f"{kind}.yaml").read_text())
    return copy.deepcopy(body)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_that_was_released_is_taken_away(kind: str) -> None:
    assert breaking(read(RELEASED, kind), read(ROOT / "crds", kind)) == []


def changed(path: str, **keys: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the present schema and one with a property changed; None takes a key away."""
    old = json.loads(json.dumps(read(ROOT / "crds", "outlookaddins")))
    new = copy.deepcopy(old)
    node = new["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for name in filter(None, path.split(".")):
        node = node["items"] if name == "[]" else node["properties"][name]
    for key, value in keys.items():
        name = key.replace("_", "-") if key.startswith("x_") else key
        node[name] = value
        if value is None:
            del node[name]
    return old, new


RULE = {"rule": "self.size() > 3", "message": "too short"}
RATCHETED = {**RULE, "rule": "oldSelf.orValue('') == self || self.size() > 3", "optionalOldSelf": True}


@pytest.mark.parametrize(
    ("path", "keys", "words"),
    [
        ("spec", {"properties": {}}, "spec.deploymentUrl was removed"),
        ("spec", {"required": ["deploymentUrl", "image"]}, "spec.image is required now"),
        ("spec.replicas", {"maximum": 10}, "maximum is lower"),
        ("spec.replicas", {"minimum": 1}, "minimum is higher"),
        ("spec.replicas", {"default": 2}, "default changed"),
        ("spec.replicas", {"type": "string"}, "type changed"),
        ("spec.image", {"pattern": "^a"}, "pattern changed"),
        ("spec.logLevel", {"enum": ["info"]}, "enum allows less"),
        ("spec.image", {"enum": ["a"]}, "enum allows less"),
        ("spec.image", {"x_kubernetes_validations": [RULE]}, "a new rule holds for objects that exist"),
        ("spec.tenantIds.[]", {"maxLength": 5}, "maxLength is lower"),
        (
            "spec.podTemplate.affinity",
            {"x_kubernetes_preserve_unknown_fields": None},
            "unknown fields are dropped now",
        ),
    ],
)
def test_what_would_break_is_found(path: str, keys: dict[str, Any], words: str) -> None:
    assert any(words in found for found in breaking(*changed(path, **keys)))


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("spec.replicas", {"maximum": 1000}),
        ("spec.logLevel", {"enum": ["trace", "debug", "info", "warning", "error"]}),
        ("spec.image", {"x_kubernetes_validations": [RATCHETED]}),
        ("spec.image", {"description": "Another."}),
    ],
)
def test_what_gives_more_room_passes(path: str, keys: dict[str, Any]) -> None:
    assert breaking(*changed(path, **keys)) == []


def test_a_version_that_is_not_served_any_more_is_found() -> None:
    old, new = changed("")
    new["spec"]["versions"][0]["served"] = False
    assert breaking(old, new) == ["v1alpha1 is not served any more"]


def test_objects_made_with_the_released_schema_live_through_the_upgrade_and_back(
    control_plane: ControlPlane, namespace: str
) -> None:
    kubectl = control_plane.kubectl

    try:
        install(kubectl, RELEASED)
        example = str(ROOT / "manifests" / "example.yaml")
        kubectl("apply", "-n", namespace, "-f", example)
        before = spec_of(kubectl("get", "oaddin", "outlook-addin", "-n", namespace, "-o", "json"))
        install(kubectl, ROOT / "crds")
        kubectl("annotate", "oaddin", "outlook-addin", "-n", namespace, "seen=new")
        after = spec_of(kubectl("get", "oaddin", "outlook-addin", "-n", namespace, "-o", "json"))
        assert all(after[key] == value or contains(after[key], value) for key, value in before.items())
        install(kubectl, RELEASED)
        kubectl("annotate", "oaddin", "outlook-addin", "-n", namespace, "seen=old", "--overwrite")
        back = spec_of(kubectl("get", "oaddin", "outlook-addin", "-n", namespace, "-o", "json"))
        assert back == before
    finally:
        install(kubectl, ROOT / "crds")


def test_objects_that_the_schema_would_refuse_today_can_still_be_changed_and_deleted(
    control_plane: ControlPlane, namespace: str
) -> None:
    kubectl = control_plane.kubectl
    example = (ROOT / "manifests" / "examples" / "route.yaml").read_text()
    older = example.replace("name: outlook-addin", "name: 1.old").replace("edge", "reencrypt")
    try:
        install(kubectl, RELEASED)
        kubectl("apply", "-n", namespace, "-f", "-", input_text=older)
        install(kubectl, ROOT / "crds")
        for finalizers in (["example.com/held"], []):
            patch = json.dumps({"metadata": {"finalizers": finalizers}, "spec": {"logLevel": "debug"}})
            kubectl("patch", "oaddin", "1.old", "-n", namespace, "--type=merge", "-p", patch)
        kubectl("delete", "oaddin", "1.old", "-n", namespace, "--timeout=20s")
    finally:
        install(kubectl, ROOT / "crds")


def install(kubectl: Kubectl, folder: Path) -> None:
    for kind in KINDS:
        kubectl("apply", "--server-side", "--force-conflicts", "-f", str(folder / f"{kind}.yaml"))
    kubectl("wait", ESTABLISHED, "crd", "--all", "--timeout=30s")


def spec_of(text: str) -> dict[str, Any]:
    spec: dict[str, Any] = json.loads(text)["spec"]
    return spec


def contains(whole: Any, part: Any) -> bool:
    return isinstance(whole, dict) and isinstance(part, dict) and part.items() <= whole.items()

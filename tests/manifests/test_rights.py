"""The operator's rights: what it needs it has, and nothing more."""

import json
from pathlib import Path

import pytest
import yaml

from outlook_addin_operator.cluster import KINDS
from outlook_addin_sandbox.cluster.errors import KubectlError
from outlook_addin_sandbox.cluster.kubectl import Kubectl

ROOT = Path(__file__).resolve().parents[2]
MANIFESTS = ROOT / "manifests"
SYSTEM = "outlook-addin-system"
OPERATOR = f"--as=system:serviceaccount:{SYSTEM}:outlook-addin-operator"

WATCHED = {"configmaps", "serviceaccounts", "services", "deployments", "rolebindings"}
PARTS = {
    "ingresses",
    "networkpolicies",
    "horizontalpodautoscalers",
    "poddisruptionbudgets",
    "httproutes",
    "routes",
    "podmonitors",
}
USED = {
    "outlookaddins": {"get", "list", "watch", "patch"},
    "calendarsubscriptions": {"get", "list", "watch", "patch", "delete"},
    "outlookaddins/status": {"patch"},
    "calendarsubscriptions/status": {"patch"},
    "outlookaddins/finalizers": {"update"},
    **{key: {"get", "list", "watch", "create", "patch", "delete"} for key in WATCHED},
    **{key: {"get", "list", "create", "patch", "delete"} for key in PARTS},
    "routes/custom-host": {"create", "patch"},
    "pods": {"list"},
    "secrets": {"get", "create"},
    "clusterroles": {"bind"},
    "events": {"create"},
    "leases": {"get", "list", "watch", "update"},
}
"""What the code does, by resource: read it beside `cluster.py`, `addin/gather.py` and `main.py`."""

DENIED = [
    ("list", "secrets"),
    ("watch", "secrets"),
    ("patch", "secrets"),
    ("delete", "secrets"),
    ("create", "pods"),
    ("create", "pods", "--subresource=exec"),
    ("get", "pods", "--subresource=log"),
    ("create", "clusterroles"),
    ("bind", "clusterroles"),
    ("bind", "clusterroles/cluster-admin"),
    ("escalate", "clusterroles"),
    ("create", "roles"),
    ("create", "clusterrolebindings"),
    ("create", "serviceaccounts", "--subresource=token"),
    ("impersonate", "serviceaccounts"),
    ("create", "outlookaddins.outlook-addin.dev"),
    ("update", "outlookaddins.outlook-addin.dev"),
    ("delete", "outlookaddins.outlook-addin.dev"),
    ("create", "calendarsubscriptions.outlook-addin.dev"),
    ("get", "leases.coordination.k8s.io/another"),
    ("get", "nodes"),
    ("list", "namespaces"),
    ("list", "customresourcedefinitions.apiextensions.k8s.io"),
    ("create", "validatingadmissionpolicies.admissionregistration.k8s.io"),
]


@pytest.fixture(scope="module")
def installed(crds: None, control_plane: object) -> None:  # noqa: ARG001 - the kinds come first
    run: Kubectl = control_plane.kubectl  # type: ignore[attr-defined]
    for name in ("namespace.yaml", "operator-rbac.yaml", "web-role.yaml"):
        run("apply", "-f", str(MANIFESTS / name))


def rules(path: Path, kind: str, name: str) -> dict[str, set[str]]:
    held: dict[str, set[str]] = {}
    for body in yaml.safe_load_all(path.read_text()):
        if (body["kind"], body["metadata"]["name"]) == (kind, name):
            for rule in body["rules"]:
                for resource in rule["resources"]:
                    held.setdefault(resource, set()).update(rule["verbs"])
    return held


def test_the_role_holds_exactly_what_the_code_does() -> None:
    assert rules(MANIFESTS / "operator-rbac.yaml", "ClusterRole", "outlook-addin-operator") == USED


def test_no_rule_has_a_wildcard() -> None:
    for path in [*MANIFESTS.glob("*.yaml"), *MANIFESTS.glob("components/*/*.yaml")]:
        for body in yaml.safe_load_all(path.read_text()):
            assert "*" not in json.dumps(body.get("rules", []))


def test_every_kind_that_the_operator_writes_stands_in_the_role() -> None:
    assert {plural for _, _, plural in KINDS.values()} <= set(USED)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("wish", DENIED, ids=" ".join)
def test_the_api_server_denies_it_more(kubectl: Kubectl, wish: tuple[str, ...]) -> None:
    with pytest.raises(KubectlError, match="ended with 1"):
        kubectl("auth", "can-i", *wish, "-A", OPERATOR)


@pytest.mark.usefixtures("installed")
def test_a_lease_is_made_in_its_own_namespace_only(kubectl: Kubectl) -> None:
    assert "yes" in kubectl("auth", "can-i", "create", "leases", "-n", SYSTEM, OPERATOR)
    with pytest.raises(KubectlError):
        kubectl("auth", "can-i", "create", "leases", "-n", "kube-system", OPERATOR)


@pytest.mark.usefixtures("installed")
def test_it_binds_the_web_role_and_no_other(kubectl: Kubectl, namespace: str) -> None:
    bind = ("create", "rolebinding", "-n", namespace, "--dry-run=server", "--serviceaccount=a:b", OPERATOR)
    kubectl(*bind, "web", "--clusterrole=outlook-addin-web")
    with pytest.raises(KubectlError, match="attempting to grant RBAC permissions not currently held"):
        kubectl(*bind, "more", "--clusterrole=cluster-admin")


def test_the_web_role_reads_no_secrets_and_deletes_one_by_one() -> None:
    held = rules(MANIFESTS / "web-role.yaml", "ClusterRole", "outlook-addin-web")
    assert "secrets" not in held
    assert not {"deletecollection", "update", "escalate", "bind"} & held["calendarsubscriptions"]

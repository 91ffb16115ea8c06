"""The bounds of the shipped roles; test_rights_used.py shows that what they hold is used."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from manifests.kustomize import MANIFESTS
from manifests.product import OPERATOR, SYSTEM
from outlook_addin_sandbox.cluster.control_plane import ControlPlane
from outlook_addin_sandbox.cluster.errors import KubectlError
from outlook_addin_sandbox.cluster.kubectl import Kubectl

AS_OPERATOR = f"--as={OPERATOR}"
FILES = sorted([*MANIFESTS.glob("*.yaml"), *MANIFESTS.glob("components/*/*.yaml")])
Object = dict[str, Any]


def rules(path: Path) -> list[Object]:
    bodies = list(yaml.safe_load_all(path.read_text()))
    return [rule for body in bodies if body["kind"].endswith("Role") for rule in body["rules"]]


ALL_RULES = [rule for path in FILES for rule in rules(path)]


def verbs_on(resource: str, of: list[Object] = ALL_RULES) -> set[str]:
    return {verb for rule in of if resource in rule["resources"] for verb in rule["verbs"]}


@pytest.fixture(scope="module")
def installed(crds: None, control_plane: ControlPlane) -> None:  # noqa: ARG001 - the kinds come first
    for name in ("namespace.yaml", "operator-rbac.yaml", "web-role.yaml"):
        control_plane.kubectl("apply", "-f", str(MANIFESTS / name))


def test_no_rule_has_a_wildcard() -> None:
    assert len(ALL_RULES) > 15
    assert "*" not in json.dumps(ALL_RULES)


def test_secrets_are_read_by_name_and_made_once() -> None:
    assert verbs_on("secrets") == {"get", "create"}
    assert verbs_on("secrets", rules(MANIFESTS / "web-role.yaml")) == set()


def test_roles_are_bound_and_never_made_changed_or_granted() -> None:
    assert verbs_on("clusterroles") == {"bind"}
    assert not verbs_on("roles") | verbs_on("clusterrolebindings")
    assert [rule["resourceNames"] for rule in ALL_RULES if "bind" in rule["verbs"]] == [["outlook-addin-web"]]
    assert not {"escalate", "impersonate"} & {verb for rule in ALL_RULES for verb in rule["verbs"]}


def test_the_spec_of_what_people_made_is_nobodys_to_make_or_replace() -> None:
    assert verbs_on("outlookaddins") == {"get", "list", "watch", "patch"}
    assert not {"deletecollection", "update"} & verbs_on("calendarsubscriptions")


def test_openshift_lets_the_operator_name_the_host_of_a_route_and_change_it() -> None:
    """It asks for these two verbs, whatever the request's own: hostassignment in openshift/library-go."""
    assert verbs_on("routes/custom-host") == {"create", "update"}


@pytest.mark.usefixtures("installed")
def test_a_lease_is_made_in_its_own_namespace_only(kubectl: Kubectl) -> None:
    assert "yes" in kubectl("auth", "can-i", "create", "leases", "-n", SYSTEM, AS_OPERATOR)
    with pytest.raises(KubectlError):
        kubectl("auth", "can-i", "create", "leases", "-n", "kube-system", AS_OPERATOR)


@pytest.mark.usefixtures("installed")
def test_it_binds_the_web_role_and_no_other(kubectl: Kubectl, namespace: str) -> None:
    bind = ("create", "rolebinding", "-n", namespace, "--dry-run=server", "--serviceaccount=a:b", AS_OPERATOR)
    kubectl(*bind, "web", "--clusterrole=outlook-addin-web")
    with pytest.raises(KubectlError, match="attempting to grant RBAC permissions not currently held"):
        kubectl(*bind, "more", "--clusterrole=cluster-admin")


BINDING = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "RoleBinding",
    "metadata": {"name": "probe"},
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "outlook-addin-web"},
    "subjects": [{"kind": "ServiceAccount", "name": "desk", "namespace": "default"}],
}
OWNER = {
    "apiVersion": "outlook-addin.dev/v1alpha1",
    "kind": "OutlookAddin",
    "name": "desk",
    "uid": "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa",
    "controller": True,
    "blockOwnerDeletion": True,
}
CHILD = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "probe", "ownerReferences": [OWNER]},
}


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("right", "body", "refusal"),
    [
        ("clusterroles", BINDING, "attempting to grant RBAC permissions not currently held"),
        ("outlookaddins/finalizers", CHILD, "cannot set blockOwnerDeletion"),
    ],
)
def test_what_no_log_of_requests_shows_is_needed_all_the_same(
    kubectl: Kubectl, namespace: str, right: str, body: Object, refusal: str
) -> None:
    def apply(user: str) -> str:
        text = json.dumps(body)
        arguments = ("apply", "--server-side", "--dry-run=server", "-f", "-", "-n", namespace, f"--as={user}")
        return kubectl(*arguments, input_text=text)

    apply(OPERATOR)
    lesser = [rule for rule in rules(MANIFESTS / "operator-rbac.yaml") if right not in rule["resources"]]
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "lesser"}}
    kubectl("apply", "-n", namespace, "-f", "-", input_text=json.dumps({**role, "rules": lesser}))
    account = f"--serviceaccount={namespace}:lesser"
    kubectl("create", "rolebinding", "lesser", "-n", namespace, "--role=lesser", account)
    assert refusal in in_force(lambda: apply(f"system:serviceaccount:{namespace}:lesser"))


def in_force(call: Callable[[], object]) -> str:
    """Return how a call is refused once the role counts, which takes some moments."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            call()
        except KubectlError as error:
            if "cannot patch resource" not in str(error):
                return str(error)
        else:
            return "nothing was refused"
    raise AssertionError("the role did not come into force")

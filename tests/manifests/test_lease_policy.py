"""Which Leases the web pods may write, tried as one of them on a real API server."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from manifests.kustomize import MANIFESTS
from manifests.product import OPERATOR, SYSTEM
from manifests.test_policies import Write, addin, binding
from outlook_addin_sandbox.cluster.errors import KubectlError
from outlook_addin_sandbox.cluster.kubectl import Kubectl
from outlook_addin_web.leases import lease_name

POLICY = MANIFESTS / "policies" / "web-pods.yaml"
REFUSAL = "the Lease of its own OutlookAddin only"


def lease(name: str, holder: str = "") -> dict[str, Any]:
    kind = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"}
    return {**kind, "metadata": {"name": name}, "spec": {"holderIdentity": holder}}


def eventually(holds: Callable[[], bool]) -> None:
    """A policy counts some moments after it was made or changed."""
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline


def is_refused(call: Callable[[], object], sentence: str) -> bool:
    try:
        call()
    except KubectlError as error:
        return sentence in str(error)
    return False


@pytest.fixture
def as_web(crds: None, kubectl: Kubectl, namespace: str) -> Write:  # noqa: ARG001 - the kinds come first
    """kubectl as a pod of the OutlookAddin `desk`, with its role; the policy is in force."""
    kubectl("apply", "-f", str(POLICY))
    kubectl("apply", "-f", str(MANIFESTS / "web-role.yaml"))
    items = [addin("desk"), addin("other"), binding("desk", namespace)]
    given = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    kubectl("apply", "-n", namespace, "-f", "-", input_text=given)

    def run(*arguments: str, body: dict[str, Any] | None = None) -> str:
        user = f"--as=system:serviceaccount:{namespace}:desk"
        return kubectl(*arguments, "-n", namespace, user, input_text=json.dumps(body) if body else None)

    def probe() -> str:
        return run("create", "--dry-run=server", "-f", "-", body=lease("probe"))

    eventually(lambda: is_refused(probe, REFUSAL))
    return run


def test_the_own_lease_can_be_made_and_renewed(as_web: Write) -> None:
    as_web("create", "-f", "-", body=lease(lease_name("desk")))
    as_web("replace", "-f", "-", body=lease(lease_name("desk"), "pod"))


@pytest.mark.parametrize("name", [lease_name("other"), "somebodys", "desk"])
def test_no_other_lease_can_be_made_or_taken(
    as_web: Write, kubectl: Kubectl, namespace: str, name: str
) -> None:
    with pytest.raises(KubectlError, match=REFUSAL):
        as_web("create", "-f", "-", body=lease(name))
    kubectl("create", "-n", namespace, "-f", "-", input_text=json.dumps(lease(name, "its holder")))
    with pytest.raises(KubectlError, match=REFUSAL):
        as_web("replace", "-f", "-", body=lease(name, "pod"))


@pytest.mark.usefixtures("as_web")
def test_nobody_else_is_limited(kubectl: Kubectl, namespace: str) -> None:
    for name, role in (("gitops", "cluster-admin"), ("other-operator", "edit")):
        account = f"--serviceaccount={namespace}:{name}"
        kubectl("create", "rolebinding", name, "-n", namespace, f"--clusterrole={role}", account)
        user = f"--as=system:serviceaccount:{namespace}:{name}"
        kubectl("create", "-n", namespace, user, "-f", "-", input_text=json.dumps(lease(f"of-{name}")))


@pytest.mark.usefixtures("as_web")
def test_the_operator_keeps_its_lease_whatever_somebody_calls_an_add_in(kubectl: Kubectl) -> None:
    for name in ("namespace.yaml", "operator-rbac.yaml"):
        kubectl("apply", "-f", str(MANIFESTS / name))
    named = json.dumps(addin("outlook-addin-operator"))
    kubectl("apply", "-n", SYSTEM, "-f", "-", input_text=named)
    try:
        text = json.dumps(lease("outlook-addin-operator", "pod"))
        for _ in range(10):  # until the policy has seen the add-in, at the latest
            kubectl(
                "create", "--dry-run=server", "-n", SYSTEM, f"--as={OPERATOR}", "-f", "-", input_text=text
            )
    finally:
        kubectl("delete", "oaddin", "outlook-addin-operator", "-n", SYSTEM)


def test_no_policy_has_to_know_a_kind_of_ours() -> None:
    """An API server that has just started, or knows it no more, would refuse everybody's writes."""
    policies = [body["spec"] for body in yaml.safe_load_all(POLICY.read_text())]
    assert not any("paramKind" in spec or "paramRef" in spec for spec in policies)

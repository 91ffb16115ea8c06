"""What the web pods may write, tried as one of them on a real API server."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from outlook_addin_sandbox.cluster.errors import KubectlError
from outlook_addin_sandbox.cluster.kubectl import Kubectl

ROOT = Path(__file__).resolve().parents[2]
MANIFESTS = ROOT / "manifests"
GUID = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
LABEL = {"app.kubernetes.io/managed-by": "outlook-addin-web"}

Write = Callable[..., str]


def addin(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "outlook-addin.dev/v1alpha1",
        "kind": "OutlookAddin",
        "metadata": {"name": name},
        "spec": {
            "deploymentUrl": "https://outlook.bank.example",
            "unbluOAuthBackendUrl": "https://unblu.bank.example/gateway",
            "clientId": GUID,
            "tenantIds": [GUID],
        },
    }


def binding(name: str, namespace: str) -> dict[str, Any]:
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "outlook-addin-web"}
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": name},
        "roleRef": role,
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
    }


def mailbox(name: str, of: str = "desk", **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "outlook-addin.dev/v1alpha1",
        "kind": "CalendarSubscription",
        "metadata": {"name": name, "labels": LABEL, **metadata},
        "spec": {"addinRef": {"name": of}, "tenantId": GUID, "userId": GUID},
    }


@pytest.fixture(scope="module")
def policy(crds: None, control_plane: Any) -> None:  # noqa: ARG001 - the kinds come first
    """The policy and the role that the installation ships."""
    control_plane.kubectl("apply", "-f", str(MANIFESTS / "policies" / "web-pods.yaml"))
    control_plane.kubectl("apply", "-f", str(MANIFESTS / "web-role.yaml"))


@pytest.fixture
def as_web(policy: None, kubectl: Kubectl, namespace: str) -> Write:  # noqa: ARG001 - it has to be there
    """kubectl as a pod of the OutlookAddin `desk`; the policy is in force."""
    items = [addin("desk"), addin("other"), binding("desk", namespace)]
    given = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    kubectl("apply", "-n", namespace, "-f", "-", input_text=given)

    def run(*arguments: str, body: dict[str, Any] | None = None) -> str:
        text = json.dumps(body) if body else None
        user = f"--as=system:serviceaccount:{namespace}:desk"
        return kubectl(*arguments, "-n", namespace, user, input_text=text)

    wait_until_in_force(run)
    return run


def wait_until_in_force(run: Write) -> None:
    """A policy counts some moments after it was made, and so do the OutlookAddins that it looks at."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            run("create", "--dry-run=server", "-f", "-", body=mailbox("probe", of="other"))
        except KubectlError as error:
            if "its own OutlookAddin only" in str(error):
                return
    raise AssertionError("the policy did not come into force")


def test_a_mailbox_of_the_own_add_in_can_be_made(as_web: Write) -> None:
    as_web("create", "-f", "-", body=mailbox("desk-0000000001"))
    as_web("annotate", "csub", "desk-0000000001", "outlook-addin.dev/renew-requested=t1")
    as_web("annotate", "csub", "desk-0000000001", "outlook-addin.dev/renew-requested=t2", "--overwrite")


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (mailbox("other-0000000001", of="other"), "of its own OutlookAddin only"),
        (mailbox("other-0000000002"), "name what it makes after its own OutlookAddin"),
        (mailbox("desk-0000000002", labels={}), "has to label what it makes"),
        (mailbox("desk-0000000003", finalizers=["example.com/held"]), "neither finalizers nor owners"),
    ],
)
def test_anything_else_cannot_be_made(as_web: Write, body: dict[str, Any], sentence: str) -> None:
    with pytest.raises(KubectlError, match=sentence):
        as_web("create", "-f", "-", body=body)


@pytest.mark.parametrize(
    ("patch", "sentence"),
    [
        ({"spec": {"suspend": True}}, "may not change the spec"),
        ({"metadata": {"labels": {"team": "x"}}}, "may not change labels"),
        ({"metadata": {"finalizers": []}}, "may not change labels, finalizers or owners"),
        ({"metadata": {"annotations": {"argocd.argoproj.io/tracking-id": "x"}}}, "its own annotations only"),
        ({"metadata": {"annotations": {"note": None}}}, "its own annotations only"),
    ],
)
def test_what_exists_keeps_all_but_the_own_annotations(
    as_web: Write, kubectl: Kubectl, namespace: str, patch: dict[str, Any], sentence: str
) -> None:
    body = mailbox("desk-0000000001", finalizers=["outlook-addin.dev/cleanup"], annotations={"note": "1"})
    kubectl("create", "-n", namespace, "-f", "-", input_text=json.dumps(body))
    try:
        with pytest.raises(KubectlError, match=sentence):
            as_web("patch", "csub", "desk-0000000001", "--type=merge", "-p", json.dumps(patch))
    finally:
        kubectl(
            "patch",
            "csub",
            "desk-0000000001",
            "-n",
            namespace,
            "--type=merge",
            "-p",
            '{"metadata":{"finalizers":[]}}',
        )


def test_only_what_the_web_server_made_for_its_own_add_in_can_be_deleted(
    as_web: Write, kubectl: Kubectl, namespace: str
) -> None:
    by_hand = mailbox("by-hand", labels={})
    for body in (mailbox("desk-0000000001"), mailbox("other-1", of="other"), by_hand):
        kubectl("create", "-n", namespace, "-f", "-", input_text=json.dumps(body))

    for name in ("other-1", "by-hand"):
        with pytest.raises(KubectlError, match="may delete only CalendarSubscriptions that it made"):
            as_web("delete", "csub", name)
    as_web("delete", "csub", "desk-0000000001")
    left = kubectl("get", "csub", "-n", namespace, "-o", "name").split()
    assert left == [f"calendarsubscription.outlook-addin.dev/{name}" for name in ("by-hand", "other-1")]


def test_nobody_else_is_limited(as_web: Write, kubectl: Kubectl, namespace: str) -> None:
    as_web("create", "-f", "-", body=mailbox("desk-0000000001"))
    gitops = f"--as=system:serviceaccount:{namespace}:gitops"
    kubectl(
        "create",
        "rolebinding",
        "gitops",
        "-n",
        namespace,
        "--clusterrole=cluster-admin",
        f"--serviceaccount={namespace}:gitops",
    )
    kubectl(
        "patch",
        "csub",
        "desk-0000000001",
        "-n",
        namespace,
        gitops,
        "--type=merge",
        "-p",
        '{"spec":{"suspend":true}}',
    )


def test_no_field_of_the_status_is_forgotten() -> None:
    crd = yaml.safe_load((ROOT / "crds" / "calendarsubscriptions.yaml").read_text())
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    policy = (MANIFESTS / "policies" / "web-pods.yaml").read_text()
    for field in schema["properties"]["status"]["properties"]:
        assert f"object.status.?{field}" in policy, field
        assert f"oldObject.status.?{field}" in policy, field


def status_patch(**changes: Any) -> str:
    return json.dumps({"status": changes})


def test_the_status_is_the_operators_but_for_one_condition(
    as_web: Write, kubectl: Kubectl, namespace: str
) -> None:
    as_web("create", "-f", "-", body=mailbox("desk-0000000001"))
    rights = ("create", "role", "status", "-n", namespace, "--verb=get,patch")
    kubectl(*rights, "--resource=calendarsubscriptions.outlook-addin.dev/status")
    kubectl(
        "create",
        "rolebinding",
        "status",
        "-n",
        namespace,
        "--role=status",
        f"--serviceaccount={namespace}:desk",
    )
    condition = {
        "type": "Synchronized",
        "status": "True",
        "reason": "InSync",
        "message": "m",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    patch = ("patch", "csub", "desk-0000000001", "--subresource=status", "--type=merge", "-p")
    as_web(*patch, status_patch(conditions=[condition]))
    for changes in (
        {"expirationTime": "2030-01-01T00:00:00Z"},
        {"conditions": [condition, {**condition, "type": "Ready"}]},
    ):
        with pytest.raises(KubectlError, match="the condition Synchronized"):
            as_web(*patch, status_patch(**changes))

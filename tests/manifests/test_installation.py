"""What the kustomizations put together, as a real API server takes it."""

import json
from pathlib import Path

import pytest

from manifests.kustomize import MANIFESTS, rendered
from outlook_addin_sandbox.cluster.control_plane import ControlPlane
from outlook_addin_sandbox.cluster.errors import KubectlError
from outlook_addin_sandbox.cluster.kubectl import Kubectl

COMPONENTS = sorted(path.name for path in (MANIFESTS / "components").iterdir())


@pytest.mark.parametrize("component", [(), *((name,) for name in COMPONENTS)], ids=str)
def test_every_kustomization_is_taken_by_the_api_server(
    control_plane: ControlPlane, tmp_path: Path, component: tuple[str, ...]
) -> None:
    kubectl = control_plane.kubectl
    bodies = rendered(kubectl, tmp_path, *component)
    kubectl("apply", "-f", str(MANIFESTS / "namespace.yaml"))
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": bodies})
    kubectl("apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", "-", input_text=text)


def test_the_namespaced_installation_holds_nothing_in_the_whole_cluster(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    bodies = rendered(control_plane.kubectl, tmp_path, "namespaced")
    kinds = {(body["kind"], body["metadata"]["name"]) for body in bodies}
    assert not {kind for kind, _ in kinds} & {"ClusterRoleBinding"}
    assert ("Role", "outlook-addin-operator") in kinds
    assert ("RoleBinding", "outlook-addin-operator") in kinds
    assert {name for kind, name in kinds if kind == "ClusterRole"} == {"outlook-addin-web"}
    [deployment] = [body for body in bodies if body["kind"] == "Deployment"]
    command = deployment["spec"]["template"]["spec"]["containers"][0]["command"]
    assert "--namespace=$(POD_NAMESPACE)" in command
    assert "--all-namespaces" not in command


TOKEN_RIGHTS = MANIFESTS / "components" / "workload-identity" / "rights.yaml"


def token_request(audience: str) -> str:
    spec = {"audiences": [audience], "expirationSeconds": 3600}
    return json.dumps({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec})


def test_the_operator_may_ask_for_tokens_for_entra_and_for_nobody_else(
    kubectl: Kubectl, namespace: str
) -> None:
    kubectl("apply", "-f", str(MANIFESTS / "namespace.yaml"))
    kubectl("apply", "-f", str(MANIFESTS / "operator-rbac.yaml"))
    kubectl("apply", "-f", str(TOKEN_RIGHTS))
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/default/token"
    user = "--as=system:serviceaccount:outlook-addin-system:outlook-addin-operator"

    def ask(audience: str) -> str:
        return kubectl("create", "--raw", path, "-f", "-", user, input_text=token_request(audience))

    try:
        in_force = False
        for _ in range(200):
            try:
                ask("https://kubernetes.default.svc")
            except KubectlError as error:
                in_force = "Microsoft Entra only" in str(error)
            if in_force:
                break
        assert in_force
        assert json.loads(ask("api://AzureADTokenExchange"))["status"]["token"]
    finally:
        kubectl("delete", "-f", str(TOKEN_RIGHTS))

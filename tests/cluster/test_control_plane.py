"""The local control plane does what Kubernetes does."""

import json
import ssl
import stat
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from kubernetes.client import ApiClient, AppsV1Api, CoreV1Api, VersionApi

from outlook_addin_sandbox.cluster.build import KUBERNETES
from outlook_addin_sandbox.cluster.control_plane import ControlPlane
from outlook_addin_sandbox.cluster.errors import ControlPlaneError, KubectlError
from outlook_addin_sandbox.cluster.kubectl import Kubectl

Eventually = Callable[..., Any]
POD: dict[str, Any] = {
    "containers": [
        {
            "name": "app",
            "image": "example.org/app",
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "runAsNonRoot": True,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
        }
    ]
}


def deployment(name: str) -> dict[str, Any]:
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": POD},
        },
    }


def get(control_plane: ControlPlane, path: str, token: str = "") -> dict[str, Any]:
    context = ssl.create_default_context(cafile=str(control_plane.ca_file))
    request = urllib.request.Request(f"{control_plane.server}{path}")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, context=context, timeout=10) as response:
        answer: dict[str, Any] = json.load(response)
        return answer


def test_the_server_says_the_version_of_go_mod(admin: ApiClient) -> None:
    assert VersionApi(admin).get_code().git_version == KUBERNETES.version


def test_kubectl_reads_and_writes(kubectl: Kubectl, namespace: str) -> None:
    pair = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "pair"}, "data": {"a": "b"}}
    kubectl("apply", "-n", namespace, "-f", "-", input_text=json.dumps(pair))
    assert kubectl("get", "configmap", "pair", "-n", namespace, "-o", "jsonpath={.data.a}") == "b"


def test_kubectl_says_why_it_failed(kubectl: Kubectl, namespace: str) -> None:
    with pytest.raises(KubectlError, match='configmaps "none" not found') as caught:
        kubectl("get", "configmap", "none", "-n", namespace)
    assert caught.value.returncode == 1


def test_a_deployment_makes_a_replicaset_and_pods(
    kubectl: Kubectl, admin: ApiClient, namespace: str, eventually: Eventually
) -> None:
    kubectl("apply", "-n", namespace, "-f", "-", input_text=json.dumps(deployment("two")))
    pods = eventually(
        lambda: len(found := CoreV1Api(admin).list_namespaced_pod(namespace).items) == 2 and found
    )
    (replica_set,) = json.loads(kubectl("get", "replicasets", "-n", namespace, "-o", "json"))["items"]
    assert {pod.metadata.owner_references[0].uid for pod in pods} == {replica_set["metadata"]["uid"]}
    assert {pod.spec.service_account_name for pod in pods} == {"default"}


def test_children_go_with_their_owner(
    kubectl: Kubectl, admin: ApiClient, namespace: str, eventually: Eventually
) -> None:
    kubectl("apply", "-n", namespace, "-f", "-", input_text=json.dumps(deployment("gone")))
    apps = AppsV1Api(admin)
    eventually(lambda: apps.list_namespaced_replica_set(namespace).items)
    kubectl("delete", "deployment", "gone", "-n", namespace, "--wait=false")
    eventually(lambda: not apps.list_namespaced_replica_set(namespace).items)


def test_the_scheduler_gives_a_pod_to_a_node_that_is_ready(
    kubectl: Kubectl, namespace: str, eventually: Eventually
) -> None:
    node_name = f"node-{namespace}"
    node = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": node_name, "labels": {"only": namespace}},
    }
    kubectl("create", "-f", "-", input_text=json.dumps(node))
    try:
        capacity = {"cpu": "4", "memory": "4Gi", "pods": "10"}
        ready = {"type": "Ready", "status": "True", "reason": "Test", "message": ""}
        status = {"status": {"capacity": capacity, "allocatable": capacity, "conditions": [ready]}}
        kubectl("patch", "node", node_name, "--subresource=status", "--type=merge", "-p", json.dumps(status))
        spec = {**POD, "nodeSelector": {"only": namespace}, "tolerations": [{"operator": "Exists"}]}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "lost"}, "spec": spec}
        kubectl("create", "-n", namespace, "-f", "-", input_text=json.dumps(pod))
        place = ("get", "pod", "lost", "-n", namespace, "-o", "jsonpath={.spec.nodeName}")
        eventually(lambda: kubectl(*place) == node_name)
    finally:
        kubectl("delete", "node", node_name)


def test_a_pod_that_breaks_the_restricted_standard_is_refused(kubectl: Kubectl, namespace: str) -> None:
    kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {**POD, "hostNetwork": True}}
    with pytest.raises(KubectlError, match='violates PodSecurity "restricted'):
        kubectl("create", "-n", namespace, "-f", "-", input_text=json.dumps(pod))


def test_a_service_account_token_and_the_published_ca_reach_the_server(
    control_plane: ControlPlane, kubectl: Kubectl, namespace: str, eventually: Eventually
) -> None:
    token = kubectl("create", "token", "default", "-n", namespace).strip()
    published = eventually(
        lambda: kubectl(
            "get",
            "configmap",
            "kube-root-ca.crt",
            "-n",
            namespace,
            "-o",
            r"jsonpath={.data.ca\.crt}",
            "--ignore-not-found",
        )
    )
    assert published == control_plane.ca_file.read_text()
    with pytest.raises(urllib.error.HTTPError) as caught:
        get(control_plane, f"/api/v1/namespaces/{namespace}/configmaps", token)
    assert caught.value.code == 403
    caught.value.close()
    kubectl(
        "create",
        "rolebinding",
        "view",
        "-n",
        namespace,
        "--clusterrole=view",
        f"--serviceaccount={namespace}:default",
    )
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    items = eventually(lambda: _items(control_plane, path, token))
    assert [item["metadata"]["name"] for item in items] == ["kube-root-ca.crt"]


def _items(control_plane: ControlPlane, path: str, token: str) -> list[dict[str, Any]]:
    try:
        items: list[dict[str, Any]] = get(control_plane, path, token)["items"]
    except urllib.error.HTTPError as error:
        error.close()
        return []
    return items


def test_a_wrong_token_is_refused(control_plane: ControlPlane) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        get(control_plane, "/api/v1/namespaces", "made-up")
    assert caught.value.code == 401
    caught.value.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_serving_certificate_is_good_for_the_addresses_pods_use(
    control_plane: ControlPlane, host: str
) -> None:
    context = ssl.create_default_context(cafile=str(control_plane.ca_file))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    with urllib.request.urlopen(f"https://{host}:{control_plane.port}/readyz", context=context) as response:
        assert response.read() == b"ok"


def test_a_kubeconfig_for_a_service_account_is_that_account(
    control_plane: ControlPlane, kubectl: Kubectl, namespace: str
) -> None:
    path = control_plane.kubeconfig_for_service_account(namespace, "default")
    mine = Kubectl(kubectl.program, path, cache=kubectl.cache)
    who = json.loads(mine("auth", "whoami", "-o", "json"))["status"]["userInfo"]
    assert who["username"] == f"system:serviceaccount:{namespace}:default"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_kubeconfig_for_a_user_has_the_users_groups(control_plane: ControlPlane, kubectl: Kubectl) -> None:
    path = control_plane.kubeconfig_for_user("system:node:here", ["system:nodes"])
    mine = Kubectl(kubectl.program, path, cache=kubectl.cache)
    who = json.loads(mine("auth", "whoami", "-o", "json"))["status"]["userInfo"]
    assert who["username"] == "system:node:here"
    assert set(who["groups"]) == {"system:nodes", "system:authenticated"}


def test_private_files_are_for_their_owner_only(control_plane: ControlPlane) -> None:
    assert stat.S_IMODE(control_plane.folder.stat().st_mode) == 0o700
    private = [control_plane.kubeconfig, *control_plane.folder.glob("pki/*.key")]
    assert len(private) > 4
    assert {stat.S_IMODE(path.stat().st_mode) for path in private} == {0o600}


def test_the_environment_for_programs_leads_to_this_cluster(control_plane: ControlPlane) -> None:
    environ = control_plane.environ({"HOME": "/home/me", "KUBECONFIG": "/elsewhere"})
    assert environ["KUBECONFIG"] == str(control_plane.kubeconfig)
    assert environ["HOME"] == "/home/me"
    assert environ["no_proxy"] == environ["NO_PROXY"] == "127.0.0.1,localhost"


def test_the_users_proxy_is_kept_for_other_hosts(control_plane: ControlPlane) -> None:
    environ = control_plane.environ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "intranet"})
    assert environ["HTTPS_PROXY"] == "http://proxy:3128"
    assert environ["no_proxy"] == "intranet,127.0.0.1,localhost"


def test_waiting_for_what_never_comes_ends_with_the_log(control_plane: ControlPlane) -> None:
    control_plane._start_seconds, before = 0.2, control_plane._start_seconds
    try:
        with pytest.raises(
            ControlPlaneError, match=r"(?s)namespaces/none was not ready within 0\.2 s.*\.log"
        ):
            control_plane.wait_for("/api/v1/namespaces/none")
    finally:
        control_plane._start_seconds = before


def test_a_namespace_is_new_for_every_test(admin: ApiClient, namespace: str) -> None:
    assert namespace.startswith("test-")
    accounts = CoreV1Api(admin).list_namespaced_service_account(namespace).items
    assert [account.metadata and account.metadata.name for account in accounts] == ["default"]

"""Pods on a real control plane: environment, files, tokens, readiness, logs, missing references."""

import asyncio
import json
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from outlook_addin_sandbox.cluster.control_plane import ControlPlane
from outlook_addin_sandbox.cluster.kubectl import Kubectl
from outlook_addin_sandbox.node import LocalNode
from outlook_addin_sandbox.node.addresses import local

if TYPE_CHECKING:
    from node.conftest import Cluster

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOKEN_FOLDER = "/var/run/secrets/example.com"
TOKEN_VOLUME = {
    "name": "identity",
    "projected": {
        "sources": [
            {"serviceAccountToken": {"path": "token", "expirationSeconds": 600}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {
                "downwardAPI": {
                    "items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]
                }
            },
        ]
    },
}


async def test_a_deployment_runs_with_its_secrets_files_and_names(cluster: "Cluster") -> None:
    await cluster.create_config("secrets", "credentials", {"CLIENT_SECRET": "open sesame"})
    await cluster.create_config("configmaps", "settings", {"addin.json": '{"logLevel": "info"}'})
    mount = {"name": "settings", "mountPath": "/home/node/addin.json", "subPath": "addin.json"}
    await cluster.create_deployment(
        2,
        container={
            "envFrom": [{"secretRef": {"name": "credentials"}}],
            "env": [
                {"name": "CONFIG", "value": "/home/node/addin.json"},
                {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                {"name": "URL", "value": "http://$(LISTEN_ADDRESS):8080/$(POD)"},
            ],
            "volumeMounts": [mount],
        },
        volumes=[{"name": "settings", "configMap": {"name": "settings"}}],
    )
    pods = await cluster.until(cluster.ready_pods, lambda pods: len(pods) == 2)
    assert len({pod["status"]["podIP"] for pod in pods}) == 2
    for pod in pods:
        address, name = local(pod["status"]["podIP"]), pod["metadata"]["name"]
        assert await cluster.ask(address, "env/CLIENT_SECRET") == "open sesame"
        assert await cluster.ask(address, "file/CONFIG") == '{"logLevel": "info"}'
        assert await cluster.ask(address, "env/URL") == f"http://{address}:8080/{name}"
        assert await cluster.ask(address, "env/PYTEST_CURRENT_TEST") == ""


async def test_the_projected_token_is_accepted_by_the_api_server_as_the_pods_account(
    cluster: "Cluster", control_plane: ControlPlane
) -> None:
    mounts = [{"name": "identity", "mountPath": TOKEN_FOLDER}]
    env = [
        {"name": name.upper(), "value": f"{TOKEN_FOLDER}/{name}"} for name in ("token", "namespace", "ca.crt")
    ]
    await cluster.create_pod(container={"volumeMounts": mounts, "env": env}, volumes=[TOKEN_VOLUME])
    address = await cluster.ready()
    token = await cluster.ask(address, "file/TOKEN")
    assert await cluster.ask(address, "file/NAMESPACE") == cluster.namespace
    assert await cluster.ask(address, "file/CA.CRT") == control_plane.ca_file.read_text()
    who = await ask_who_am_i(control_plane, token)
    assert who["username"] == f"system:serviceaccount:{cluster.namespace}:default"
    assert who["extra"]["authentication.kubernetes.io/pod-name"] == ["web"]


async def ask_who_am_i(control_plane: ControlPlane, token: str) -> dict[str, Any]:
    url = f"{control_plane.server}/apis/authentication.k8s.io/v1/selfsubjectreviews"
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        aiohttp.ClientSession() as http,
        http.post(url, json=body, headers=headers, ssl=False) as response,
    ):
        found: dict[str, Any] = (await response.json())["status"]["userInfo"]
        return found


async def test_the_automounted_token_folder_is_told_by_a_variable(
    cluster: "Cluster", node: LocalNode
) -> None:
    await cluster.create_pod(
        container={"command": ["sh", "-c", 'cat "$SERVICE_ACCOUNT_DIR/namespace"; sleep 60']}
    )
    await cluster.until(cluster.status, lambda status: "running" in status["state"])
    log = node.log_path(f"{cluster.namespace}/web")
    await cluster.until(lambda: asyncio.to_thread(log.read_text), lambda text: text == cluster.namespace)


async def test_a_failing_readiness_probe_takes_the_pod_out_and_a_passing_one_brings_it_back(
    cluster: "Cluster",
) -> None:
    await cluster.create_pod()
    address = await cluster.ready()
    await cluster.ask(address, "unready")
    status = await cluster.until(cluster.status, lambda status: not status["ready"])
    assert status["restartCount"] == 0
    (pod,) = await cluster.pods()
    conditions = {each["type"]: each for each in pod["status"]["conditions"]}
    assert conditions["Ready"]["reason"] == "ContainersNotReady"


async def test_a_missing_secret_is_reported_and_the_pod_starts_once_it_is_there(cluster: "Cluster") -> None:
    await cluster.create_pod(container={"envFrom": [{"secretRef": {"name": "late"}}]})
    status = await cluster.until(cluster.status, lambda status: "message" in str(status["state"]))
    assert status["state"]["waiting"] == {
        "reason": "CreateContainerConfigError",
        "message": 'secret "late" not found',
    }
    assert status["phase"] == "Pending"
    await cluster.create_config("secrets", "late", {"WHEN": "now"})
    assert await cluster.ask(await cluster.ready(), "env/WHEN") == "now"


async def test_a_missing_volume_source_keeps_the_container_creating(cluster: "Cluster") -> None:
    volume = {"name": "ca", "configMap": {"name": "absent"}}
    await cluster.create_pod(
        container={"volumeMounts": [{"name": "ca", "mountPath": "/ca"}]}, volumes=[volume]
    )
    status = await cluster.until(cluster.status, lambda status: "absent" in str(status["state"]))
    assert status["state"]["waiting"]["reason"] == "ContainerCreating"


async def test_a_changed_configmap_reaches_mounted_files_but_not_sub_paths(cluster: "Cluster") -> None:
    await cluster.create_config("configmaps", "settings", {"mode": "old"})
    mounts = [
        {"name": "settings", "mountPath": "/etc/settings"},
        {"name": "settings", "mountPath": "/etc/mode", "subPath": "mode"},
    ]
    env = [{"name": "FOLDER", "value": "/etc/settings/mode"}, {"name": "COPY", "value": "/etc/mode"}]
    await cluster.create_pod(
        container={"volumeMounts": mounts, "env": env},
        volumes=[{"name": "settings", "configMap": {"name": "settings"}}],
    )
    address = await cluster.ready()
    assert await cluster.ask(address, "file/FOLDER") == "old"
    await cluster.api.patch(f"{cluster.core}/configmaps/settings", {"data": {"mode": "new"}})
    await cluster.until(lambda: cluster.ask(address, "file/FOLDER"), lambda text: text == "new")
    assert await cluster.ask(address, "file/COPY") == "old"


async def test_kubectl_shows_the_log(cluster: "Cluster", kubectl: Kubectl, node: LocalNode) -> None:
    await cluster.create_pod(container={"command": ["sh", "-c", "echo one; echo two; sleep 60"]})
    await cluster.until(cluster.status, lambda status: "running" in status["state"])
    logs = ("logs", "web", "-n", cluster.namespace)
    await cluster.until(lambda: asyncio.to_thread(kubectl, *logs), lambda text: text == "one\ntwo\n")
    assert await asyncio.to_thread(kubectl, *logs, "--tail=1") == "two\n"
    assert node.log_path(f"{cluster.namespace}/web").read_text() == "one\ntwo\n"


async def test_a_pod_that_ends_well_is_succeeded_and_stays(cluster: "Cluster", kubectl: Kubectl) -> None:
    command = ["sh", "-c", "echo done"]
    await cluster.create_pod(restartPolicy="Never", container={"command": command, "readinessProbe": None})
    status = await cluster.until(cluster.status, lambda status: status["phase"] == "Succeeded")
    assert status["state"]["terminated"]["reason"] == "Completed"
    assert await asyncio.to_thread(kubectl, "logs", "-f", "web", "-n", cluster.namespace) == "done\n"


async def test_the_node_is_ready_and_has_room(node: LocalNode, kubectl: Kubectl) -> None:
    found = json.loads(await asyncio.to_thread(kubectl, "get", "node", node.name, "-o", "json"))
    conditions = {each["type"]: each["status"] for each in found["status"]["conditions"]}
    assert conditions["Ready"] == "True"
    assert int(found["status"]["allocatable"]["pods"]) > 0

"""The Node object and its Lease: what makes the scheduler send Pods here and the node controller trust it."""

import os
import platform
from datetime import UTC, datetime
from typing import Any, Final

from outlook_addin_sandbox.node.states import timestamp

LEASE_SECONDS: Final = 40
LEASES: Final = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
NODES: Final = "/api/v1/nodes"
LABEL: Final = "outlook-addin.dev/local-node"


def node(name: str) -> dict[str, Any]:
    """Render the Node."""
    labels = {LABEL: "true", "kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}}


def node_status(address: str, logs_port: int, since: datetime, now: datetime) -> dict[str, Any]:
    """Render the Node's status: ready since a time, with the room of this machine."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 1024
    # CPU is promised many times over: a demo's Pods mostly wait, and limits are not enforced.
    room = {"cpu": str((os.cpu_count() or 1) * 8), "memory": f"{memory}Ki", "pods": "110"}
    return {
        "status": {
            "addresses": [{"type": "InternalIP", "address": address}],
            "capacity": room,
            "allocatable": room,
            "conditions": [_ready(since, now)],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": logs_port}},
            "nodeInfo": _node_info(),
        }
    }


def lease(name: str, now: datetime) -> dict[str, Any]:
    """Render the Lease whose renewal keeps the Node ready."""
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name, "namespace": "kube-node-lease"},
        "spec": {
            "holderIdentity": name,
            "leaseDurationSeconds": LEASE_SECONDS,
            "renewTime": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        },
    }


def _ready(since: datetime, now: datetime) -> dict[str, str]:
    return {
        "type": "Ready",
        "status": "True",
        "reason": "KubeletReady",
        "message": "the local node runs processes",
        "lastHeartbeatTime": timestamp(now),
        "lastTransitionTime": timestamp(since),
    }


def _node_info() -> dict[str, str]:
    return {
        "machineID": "",
        "systemUUID": "",
        "bootID": "",
        "kernelVersion": platform.release(),
        "osImage": platform.platform(),
        "containerRuntimeVersion": "local://processes",
        "kubeletVersion": "local",
        "kubeProxyVersion": "",
        "operatingSystem": "linux",
        "architecture": platform.machine(),
    }

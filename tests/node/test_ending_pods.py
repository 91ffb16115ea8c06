"""Crashes, failing probes, memory limits and deletion on a real control plane."""

import asyncio
import contextlib
import signal
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import pytest

from outlook_addin_sandbox.cluster.control_plane import ControlPlane
from outlook_addin_sandbox.cluster.kubectl import Kubectl
from outlook_addin_sandbox.node import LocalNode
from outlook_addin_sandbox.node.addresses import local
from outlook_addin_sandbox.node.processes import process_table

if TYPE_CHECKING:
    from node.conftest import Cluster

pytestmark = pytest.mark.asyncio(loop_scope="module")

MEBIBYTE = 1024 * 1024


async def test_a_crash_is_counted_with_its_exit_code(cluster: "Cluster") -> None:
    await cluster.create_pod()
    address = await cluster.ready()
    with pytest.raises(aiohttp.ClientError):
        await cluster.ask(address, "crash/3")
    status = await cluster.until(
        cluster.status, lambda status: status["restartCount"] == 1 and status.get("ready")
    )
    assert status["lastState"]["terminated"]["exitCode"] == 3
    assert status["lastState"]["terminated"]["reason"] == "Error"


async def test_a_container_that_never_stays_up_is_in_crash_loop_back_off(
    cluster: "Cluster", kubectl: Kubectl
) -> None:
    await cluster.create_pod(container={"command": ["sh", "-c", "echo broken; exit 7"]})
    status = await cluster.until(
        cluster.status, lambda status: status["restartCount"] >= 2 and "waiting" in status["state"]
    )
    assert status["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert status["lastState"]["terminated"]["exitCode"] == 7
    assert status["phase"] == "Running"
    logs = ("logs", "web", "--previous", "-n", cluster.namespace)
    assert await asyncio.to_thread(kubectl, *logs) == "broken\n"


async def test_a_program_that_does_not_exist_is_a_start_error(cluster: "Cluster") -> None:
    await cluster.create_pod(container={"command": ["no-such-program"]})
    status = await cluster.until(cluster.status, lambda status: status["lastState"])
    assert status["lastState"]["terminated"]["reason"] == "StartError"
    assert "no-such-program" in status["lastState"]["terminated"]["message"]


async def test_a_failing_liveness_probe_restarts_the_container(cluster: "Cluster") -> None:
    liveness = {"httpGet": {"path": "/live", "port": 8080}, "periodSeconds": 1, "failureThreshold": 2}
    await cluster.create_pod(container={"livenessProbe": liveness})
    address = await cluster.ready()
    await cluster.ask(address, "sicken")
    status = await cluster.until(
        cluster.status, lambda status: status["restartCount"] == 1 and status.get("ready")
    )
    assert status["lastState"]["terminated"]["exitCode"] == 0  # SIGTERM was enough


async def test_a_container_beyond_its_memory_limit_is_killed_and_restarted(
    cluster: "Cluster", node: LocalNode
) -> None:
    await cluster.create_pod(container={"resources": {"limits": {"memory": "96Mi"}}})
    address = await cluster.ready()
    await cluster.ask(address, "eat/8")
    assert (await cluster.status())["restartCount"] == 0
    with contextlib.suppress(aiohttp.ClientError):  # the kill may come before the answer
        await cluster.ask(address, "eat/120")
    status = await cluster.until(
        cluster.status, lambda status: status["restartCount"] == 1 and status.get("ready")
    )
    assert status["lastState"]["terminated"]["reason"] == "OOMKilled"
    assert status["lastState"]["terminated"]["exitCode"] == 137
    await cluster.until(
        lambda: asyncio.sleep(0, node.peak_memory(f"{cluster.namespace}/web")),
        lambda peak: 5 * MEBIBYTE < peak < 96 * MEBIBYTE,
    )


async def test_a_deleted_pod_sleeps_then_gets_sigterm_and_leaves_no_process(
    cluster: "Cluster", node: LocalNode
) -> None:
    lifecycle = {"preStop": {"sleep": {"seconds": 2}}}
    child = ["sh", "-c", 'sleep 600 & exec "$0" -c "$1"', *reversed(server_command(cluster))]
    await cluster.create_pod(
        terminationGracePeriodSeconds=20, container={"command": child, "lifecycle": lifecycle}
    )
    address = await cluster.ready()
    log = node.log_path(f"{cluster.namespace}/web")
    writers = writers_of(log)
    assert len(writers) == 2
    await cluster.api.delete(f"{cluster.core}/pods/web")
    asked = (
        datetime.fromisoformat((await cluster.pods())[0]["metadata"]["deletionTimestamp"]).timestamp() - 20
    )
    assert await cluster.ask(address, "env/HOME")  # still served while preStop sleeps
    await cluster.until(cluster.pods, lambda pods: not pods)
    seen = float(log.read_text().rsplit(maxsplit=1)[-1])
    assert seen - asked >= 2
    assert not writers & {info.pid for info in process_table()}


async def test_a_process_that_ignores_sigterm_is_killed_after_the_grace_period(cluster: "Cluster") -> None:
    stubborn = ["python", "-c", "import signal,time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"]
    await cluster.create_pod(
        terminationGracePeriodSeconds=2, container={"command": stubborn, "readinessProbe": None}
    )
    await cluster.until(cluster.status, lambda status: "running" in status["state"])
    await cluster.api.delete(f"{cluster.core}/pods/web")
    await cluster.until(cluster.pods, lambda pods: not pods)


async def test_a_node_that_comes_back_runs_its_pods_again(
    cluster: "Cluster", control_plane: ControlPlane, tmp_path: Path
) -> None:
    def local_node() -> LocalNode:
        return LocalNode(kubeconfig=control_plane.kubeconfig, root=tmp_path, name="back-again")

    async with local_node():
        await cluster.create_pod(nodeSelector={"kubernetes.io/hostname": "back-again"})
        address = await cluster.ready()
        writers = {pid for log in logs_below(tmp_path) for pid in writers_of(log)}
        assert writers
    assert not writers & {info.pid for info in process_table()}
    async with local_node():
        status = await cluster.until(
            cluster.status, lambda status: status["restartCount"] == 1 and status["ready"]
        )
        assert local(status["podIP"]) == address
        assert status["lastState"]["terminated"]["reason"] == "ContainerStatusUnknown"


async def test_a_node_that_is_killed_takes_its_pods_processes_with_it(
    cluster: "Cluster", control_plane: ControlPlane, tmp_path: Path
) -> None:
    program = (
        "import asyncio, sys, pathlib\n"
        "from outlook_addin_sandbox.node import LocalNode\n"
        "async def main():\n"
        "    kubeconfig, root = map(pathlib.Path, sys.argv[1:])\n"
        "    async with LocalNode(kubeconfig=kubeconfig, root=root, name='doomed'):\n"
        "        await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    doomed = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(control_plane.kubeconfig), str(tmp_path)
    )
    try:
        await cluster.create_pod(nodeSelector={"kubernetes.io/hostname": "doomed"})
        await cluster.ready()
        writers = {pid for log in logs_below(tmp_path) for pid in writers_of(log)}
        assert writers
    finally:
        doomed.send_signal(signal.SIGKILL)
        await doomed.wait()
    await cluster.until(
        lambda: asyncio.sleep(0, {info.pid for info in process_table()}), lambda pids: not writers & pids
    )
    await cluster.api.delete("/api/v1/nodes/doomed")


def writers_of(log: Path) -> set[int]:
    """Find the processes that write into a log file."""
    return {info.pid for info in process_table() if writes_to(info.pid, log)}


def logs_below(root: Path) -> list[Path]:
    return list(root.glob("pods/*/logs/web/0.log"))


def writes_to(pid: int, log: Path) -> bool:
    try:
        return Path(f"/proc/{pid}/fd/1").readlink() == log
    except OSError:
        return False


def server_command(cluster: "Cluster") -> list[str]:
    command: list[str] = cluster.pod_spec()["containers"][0]["command"]
    return [command[2], command[0]]

"""After a control plane ends, however it ends, no process, no port and no file of it is left."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from outlook_addin_sandbox.cluster.build import ensure_binaries
from outlook_addin_sandbox.cluster.control_plane import ControlPlane
from outlook_addin_sandbox.cluster.errors import ControlPlaneError
from outlook_addin_sandbox.cluster.ports import is_free
from outlook_addin_sandbox.cluster.run_folder import RunFolder

Eventually = Callable[..., Any]
IsRunning = Callable[[int], bool]

PROGRAM = """
import json, sys, threading
from pathlib import Path
sys.path[:0] = {path!r}
from outlook_addin_sandbox.cluster.control_plane import ControlPlane
with ControlPlane(base=Path({base!r})) as plane:
    told = {{"pids": plane.process_ids, "port": plane.port, "folder": str(plane.folder)}}
    print(json.dumps(told), flush=True)
    threading.Event().wait()
"""


def test_after_a_normal_end_nothing_is_left(
    control_plane: ControlPlane, tmp_path: Path, is_running: IsRunning
) -> None:
    with ControlPlane(base=tmp_path) as plane:
        pids, ports = plane.process_ids, (plane.port, plane._etcd.client_port, plane._etcd.peer_port)
        assert list(pids) == ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"]
        assert set(pids.values()).isdisjoint(control_plane.process_ids.values())
        assert all(map(is_running, pids.values()))
        assert not any(map(is_free, ports))
    assert not any(map(is_running, pids.values()))
    assert all(map(is_free, ports))
    assert list(tmp_path.iterdir()) == []
    control_plane.check()


@pytest.mark.parametrize("blow", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.usefixtures("control_plane")
def test_after_a_violent_end_nothing_is_left(
    tmp_path: Path, blow: signal.Signals, eventually: Eventually, is_running: IsRunning
) -> None:
    code = PROGRAM.format(path=sys.path, base=str(tmp_path))
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as parent:
        assert parent.stdout
        told = json.loads(parent.stdout.readline())
        assert all(map(is_running, told["pids"].values()))
        os.kill(parent.pid, blow)
        parent.wait(30)
    eventually(lambda: not any(map(is_running, told["pids"].values())))
    eventually(lambda: is_free(told["port"]))
    with RunFolder(tmp_path):  # the next start tidies up after a parent that could not
        assert not Path(told["folder"]).exists()


@pytest.mark.usefixtures("control_plane")
def test_a_failed_start_shows_the_log_and_leaves_no_process(tmp_path: Path) -> None:
    good = ensure_binaries()
    broken = tmp_path / "kube-apiserver"
    broken.write_text("#!/bin/sh\necho the flag --nonsense is unknown\nexit 3\n")
    broken.chmod(0o755)
    base = tmp_path / "runs"
    base.mkdir()
    plane = ControlPlane(binaries=type(good)(**{**vars(good), "kube_apiserver": broken}), base=base)
    expected = r"(?s)kube-apiserver ended with exit code 3.*kube-apiserver\.log.*--nonsense is unknown"
    with pytest.raises(ControlPlaneError, match=expected), plane:
        pytest.fail("it started")
    assert plane.process_ids == {}
    assert is_free(plane._etcd.client_port)
    assert (plane.folder / "logs" / "kube-apiserver.log").exists()
    with RunFolder(base):
        assert not plane.folder.exists()


@pytest.mark.usefixtures("control_plane")
def test_a_process_that_ends_while_running_is_noticed(
    tmp_path: Path, eventually: Eventually, is_running: IsRunning
) -> None:
    with ControlPlane(base=tmp_path) as plane:
        os.kill(plane.process_ids["kube-scheduler"], signal.SIGKILL)
        eventually(lambda: not is_running(plane.process_ids["kube-scheduler"]))
        with pytest.raises(ControlPlaneError, match=r"kube-scheduler ended with SIGKILL"):
            plane.check()

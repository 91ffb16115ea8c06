"""What is compiled for the control plane, and what a machine should have for it."""

from pathlib import Path

import pytest

from outlook_addin_sandbox.cluster import build
from outlook_addin_sandbox.cluster.build import ETCD, KUBERNETES, available_memory, machine_warnings
from outlook_addin_sandbox.cluster.ports import CANDIDATES, free_ports, is_free
from outlook_addin_sandbox.cluster.run_folder import RunFolder
from outlook_addin_sandbox.toolchain.cache import cache_folder
from outlook_addin_sandbox.toolchain.tools import GO


def test_the_version_stamps_follow_go_mod() -> None:
    flags = " ".join(KUBERNETES.flags)
    _, minor, _ = KUBERNETES.version.split(".")
    assert f"version.gitVersion={KUBERNETES.version}" in flags
    assert f"version.gitMinor={minor} " in f"{flags} "


def test_both_modules_compile_with_the_go_that_is_looked_for() -> None:
    assert max(KUBERNETES.go_version, ETCD.go_version) <= (GO.oldest.major, GO.oldest.minor, 99)
    assert KUBERNETES.key != ETCD.key


def test_a_machine_with_enough_of_everything_gets_no_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "DISK_NEEDED", 1)
    assert machine_warnings(tmp_path, meminfo=_meminfo(tmp_path, kilobytes=8_000_000)) == []


def test_too_little_disk_and_memory_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "DISK_NEEDED", 10**18)
    disk, memory = machine_warnings(tmp_path, meminfo=_meminfo(tmp_path, kilobytes=1_000_000))
    assert disk.startswith("Little disk space")
    assert memory.startswith("Little memory: 1.0 GB available")


def test_memory_is_unknown_where_the_kernel_does_not_say(tmp_path: Path) -> None:
    assert available_memory(tmp_path / "none") is None


def test_the_cache_folder_follows_the_xdg_rule() -> None:
    assert cache_folder({"XDG_CACHE_HOME": "/c", "HOME": "/h"}) == Path("/c/outlook-addin-operator")
    assert cache_folder({"XDG_CACHE_HOME": "relative", "HOME": "/h"}) == Path(
        "/h/.cache/outlook-addin-operator"
    )
    assert cache_folder({"HOME": "/h"}) == Path("/h/.cache/outlook-addin-operator")


def test_free_ports_are_different_and_free() -> None:
    ports = free_ports(50)
    assert len(set(ports)) == 50
    assert all(port in CANDIDATES and is_free(port) for port in ports)


def test_the_folder_of_a_run_that_still_goes_on_is_left_alone(tmp_path: Path) -> None:
    with RunFolder(tmp_path) as first:
        with RunFolder(tmp_path) as second:
            assert first.path.is_dir()
        assert not second.path.exists()
    assert list(tmp_path.iterdir()) == []


def _meminfo(folder: Path, kilobytes: int) -> Path:
    path = folder / "meminfo"
    path.write_text(f"MemTotal: 16000000 kB\nMemAvailable:   {kilobytes} kB\nHugePages_Total:       0\n")
    return path

"""The programs of the control plane, compiled from the Go modules in `sandbox/controlplane`.

The first run on a machine takes about six minutes on two cores; afterwards the programs come from the cache.
"""

import shutil
from pathlib import Path

from outlook_addin_sandbox.cluster.binaries import Binaries
from outlook_addin_sandbox.cluster.errors import BuildError
from outlook_addin_sandbox.cluster.go_build import GoModule, build
from outlook_addin_sandbox.cluster.progress import Progress
from outlook_addin_sandbox.toolchain.cache import cache_folder
from outlook_addin_sandbox.toolchain.tools import find_go
from outlook_addin_sandbox.toolchain.versions import Version

MODULES = Path(__file__).parents[2] / "controlplane"
GIGABYTE = 1_000_000_000
# Measured for a first build: modules 0.8 GB, Go's build cache 2.8 GB, programs 0.3 GB, linker's files on top.
DISK_NEEDED = 6 * GIGABYTE
MEMORY_NEEDED = 3 * GIGABYTE


def kubernetes_linker_flags(version: str) -> str:
    """Version stamps: without them the server says 0.0.0 and kubectl refuses some commands."""
    number = Version.parse(version)
    package = "k8s.io/component-base/version"
    stamps = {"gitVersion": version, "gitMajor": str(number.major), "gitMinor": str(number.minor)}
    return " ".join(["-s", "-w", *(f"-X {package}.{name}={value}" for name, value in stamps.items())])


KUBERNETES = GoModule(MODULES / "kubernetes", "k8s.io/kubernetes", kubernetes_linker_flags)
# A module of its own: together with Kubernetes it raises gRPC, and everything is compiled twice.
ETCD = GoModule(MODULES / "etcd", "go.etcd.io/etcd/server/v3", renames={"server": "etcd"})


def ensure_binaries(progress: Progress | None = None) -> Binaries:
    """Compile what the cache does not have yet.

    Raises:
        BuildError: Go failed; the message names the log and has its last lines.
        ToolError: There is no Go, and it could not be installed either.
    """
    if not MODULES.is_dir():
        raise BuildError(f"{MODULES} is missing: the control plane is compiled from a source checkout")
    progress = progress or Progress()
    store = cache_folder() / "control-plane"
    store.mkdir(parents=True, exist_ok=True)
    missing = [module for module in (ETCD, KUBERNETES) if not (store / module.key).is_dir()]
    if missing:
        for warning in machine_warnings(store):
            progress.say(warning)
    folders = {
        module.name: build(module, store, lambda oldest: find_go(oldest, progress.say).path, progress, note)
        for module, note in ((ETCD, ""), (KUBERNETES, " (about 6 minutes the first time)"))
    }
    return Binaries.in_folders(kubernetes=folders[KUBERNETES.name], etcd=folders[ETCD.name])


def machine_warnings(folder: Path, meminfo: Path = Path("/proc/meminfo")) -> list[str]:
    """What is likely to be too little on this machine for a first build, in sentences."""
    warnings = []
    disk = shutil.disk_usage(folder).free
    if disk < DISK_NEEDED:
        warnings.append(_short("disk space", f"in {folder}", disk, DISK_NEEDED))
    memory = available_memory(meminfo)
    if memory is not None and memory < MEMORY_NEEDED:
        warnings.append(_short("memory", "available", memory, MEMORY_NEEDED))
    return warnings


def available_memory(meminfo: Path) -> int | None:
    """Bytes that a new program can have (`man 5 proc_meminfo`, MemAvailable); None when unknown."""
    if not meminfo.exists():
        return None
    values = dict(line.split(":", 1) for line in meminfo.read_text().splitlines() if ":" in line)
    available = values.get("MemAvailable")
    return None if available is None else int(available.split()[0]) * 1024


def _short(what: str, where: str, has: int, needs: int) -> str:
    return (
        f"Little {what}: {has / GIGABYTE:.1f} GB {where}, "
        f"and a first build of the control plane needs about {needs / GIGABYTE:.0f} GB."
    )

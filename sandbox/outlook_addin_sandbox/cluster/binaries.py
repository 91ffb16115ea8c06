"""The four programs of a control plane."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Binaries:
    """Where the compiled programs are."""

    etcd: Path
    kube_apiserver: Path
    kube_controller_manager: Path
    kube_scheduler: Path

    @classmethod
    def in_folders(cls, kubernetes: Path, etcd: Path) -> "Binaries":
        """The programs under the names that their builds give them."""
        return cls(
            etcd=etcd / "etcd",
            kube_apiserver=kubernetes / "kube-apiserver",
            kube_controller_manager=kubernetes / "kube-controller-manager",
            kube_scheduler=kubernetes / "kube-scheduler",
        )

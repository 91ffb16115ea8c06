"""Clusters beside the local control plane: one that is there already, or one that kind makes in Docker.

They have the same small interface. The local node joins them as one more node, for the Pods that ask for it.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, Self

from outlook_addin_sandbox.cluster.certificates import KeyPair, write_private
from outlook_addin_sandbox.cluster.errors import KubectlError, NoClusterError
from outlook_addin_sandbox.cluster.kubectl import Kubectl
from outlook_addin_sandbox.cluster.progress import Progress
from outlook_addin_sandbox.toolchain.cache import cache_folder
from outlook_addin_sandbox.toolchain.tools import find_kubectl

KIND_NAME = "outlook-addin-demo"


class Cluster(Protocol):
    """What the demo needs of a cluster; ControlPlane, ExistingCluster and KindCluster have it."""

    kubeconfig: Path
    kubectl: Kubectl

    @property
    def stays(self) -> bool:
        """Whether the cluster, with all that was put into it, outlives its context."""

    def node_certificate(self) -> KeyPair | None:
        """What the local node shows to this API server when logs are asked for; None: one of its own."""

    def environ(self, base: Mapping[str, str] = os.environ) -> dict[str, str]:
        """The environment for a program that is to administer the cluster."""

    def __enter__(self) -> Self:
        """Make the cluster usable."""

    def __exit__(self, *_: object) -> None:
        """Give back what entering took."""


class ExistingCluster:
    """A cluster that somebody else runs; nothing of it is started or stopped here.

    Args:
        kubeconfig: Its kubeconfig file.
        context: Context in that file; the current one when None.
    """

    stays = True

    def __init__(self, kubeconfig: Path, context: str | None = None) -> None:
        self.kubeconfig = kubeconfig
        options = ("--context", context) if context else ()
        self.kubectl = Kubectl(find_kubectl().path, kubeconfig, options=options)

    def __enter__(self) -> Self:
        """Ask the cluster for its version.

        Raises:
            NoClusterError: There is no such file, or the cluster does not answer.
        """
        if not self.kubeconfig.is_file():
            raise NoClusterError(f"There is no kubeconfig file {self.kubeconfig}. Set KUBECONFIG to one.")
        try:
            self.kubectl("get", "--raw", "/version", timeout=20)
        except KubectlError as error:
            raise NoClusterError(f"The cluster of {self.kubeconfig} does not answer: {error}") from error
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the cluster as it is."""

    def node_certificate(self) -> None:
        """Nothing: this cluster's authority is not at hand."""

    def environ(self, base: Mapping[str, str] = os.environ) -> dict[str, str]:
        """The environment for a program that is to administer this cluster."""
        return self.kubectl.environ(base)


class KindCluster:
    """A cluster made by kind (kind.sigs.k8s.io) in Docker, or one of that name that is there already.

    Args:
        name: Kind's name of the cluster.
        keep: Leave the cluster running at the end; one that was there before always stays.
        progress: Where to show what is going on.
    """

    stays = True

    def __init__(
        self, name: str = KIND_NAME, *, keep: bool = False, progress: Progress | None = None
    ) -> None:
        self.name = name
        self._keep = keep
        self._progress = progress or Progress()
        self.kubeconfig = cache_folder() / "kind" / f"{name}.kubeconfig"
        self.kubectl = Kubectl(find_kubectl(self._progress.say).path, self.kubeconfig)

    def __enter__(self) -> Self:
        """Make the cluster unless it exists, and write its kubeconfig.

        Raises:
            NoClusterError: Kind or Docker is missing, or kind failed.
        """
        self._require_tools()
        self.kubeconfig.parent.mkdir(parents=True, exist_ok=True)
        if self.name in self._kind("get", "clusters").split():
            self._keep = True
        else:
            with self._progress.step(f"Making the kind cluster {self.name}"):
                self._kind("create", "cluster", "--name", self.name, "--wait", "120s")
        write_private(self.kubeconfig, self._kind("get", "kubeconfig", "--name", self.name).encode())
        return self

    def __exit__(self, *_: object) -> None:
        """Delete the cluster if it was made here and is not to be kept."""
        if not self._keep:
            self._kind("delete", "cluster", "--name", self.name)
            self.kubeconfig.unlink(missing_ok=True)

    def node_certificate(self) -> None:
        """Nothing: this cluster's authority is not at hand."""

    def environ(self, base: Mapping[str, str] = os.environ) -> dict[str, str]:
        """The environment for a program that is to administer this cluster."""
        return self.kubectl.environ(base)

    def _require_tools(self) -> None:
        for program in ("kind", "docker"):
            if not shutil.which(program):
                raise NoClusterError(
                    f"{program} is not on the PATH; a kind cluster needs kind and Docker. "
                    "The local control plane needs neither."
                )
        if subprocess.run(["docker", "info"], capture_output=True, check=False, timeout=30).returncode != 0:
            raise NoClusterError("Docker does not answer (`docker info` fails); is its daemon running?")

    def _kind(self, *arguments: str) -> str:
        # A kubeconfig of its own: kind would otherwise change the user's current context.
        environ = {**os.environ, "KUBECONFIG": str(self.kubeconfig)}
        done = subprocess.run(["kind", *arguments], capture_output=True, text=True, check=False, env=environ)
        if done.returncode != 0:
            raise NoClusterError(f"kind {' '.join(arguments)} failed: {done.stderr.strip()}")
        return done.stdout

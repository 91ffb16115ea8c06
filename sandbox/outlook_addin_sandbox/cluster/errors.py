"""Errors of the sandbox's clusters.

ClusterError
├── BuildError             the binaries could not be compiled
├── ControlPlaneError      a process did not start, ended early or was not ready in time
├── KubectlError           kubectl said no
└── NoClusterError         a cluster that somebody else runs is not there
"""


class ClusterError(Exception):
    """Something a person at the terminal must read; the message says what to do."""


class BuildError(ClusterError):
    """The control plane could not be compiled."""


class ControlPlaneError(ClusterError):
    """The control plane did not start, or one of its processes ended."""


class KubectlError(ClusterError):
    """Kubectl ended with an error; `stderr` holds what it wrote."""

    def __init__(self, arguments: tuple[str, ...], returncode: int, stderr: str) -> None:
        super().__init__(f"kubectl {' '.join(arguments)} ended with {returncode}: {stderr.strip()}")
        self.returncode = returncode
        self.stderr = stderr


class NoClusterError(ClusterError):
    """No usable cluster, or a tool that makes one is missing."""

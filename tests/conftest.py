"""What all tests share: loopback only, and the local control plane with our resources in it."""

import signal
from pathlib import Path

import hypothesis
import pytest
import pytest_socket

from outlook_addin_sandbox.cluster.control_plane import ControlPlane
from outlook_addin_sandbox.cluster.kubectl import ESTABLISHED

pytest_plugins = ["outlook_addin_sandbox.cluster.testing"]

ROOT = Path(__file__).resolve().parents[1]


# How long an example takes says something about the machine, not about the code.
hypothesis.settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("untimed")

# A shell lets what it starts in the background ignore Ctrl-C; tests that send it want to see what it does.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_runtest_setup() -> None:
    """Refuse every connection that leaves this machine."""
    pytest_socket.socket_allow_hosts(["127.0.0.0/8", "::1", "localhost"], allow_unix_socket=True)


@pytest.fixture(scope="session")
def crds(control_plane: ControlPlane) -> None:
    """Our resources are known to the API server."""
    control_plane.kubectl("apply", "--server-side", "--force-conflicts", "-k", str(ROOT / "crds"))
    control_plane.kubectl("wait", ESTABLISHED, "crd", "--all", "--timeout=30s")

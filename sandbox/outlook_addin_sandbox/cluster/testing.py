"""Pytest plugin: a real control plane for the tests that ask for it.

Enable it with `pytest_plugins = ["outlook_addin_sandbox.cluster.testing"]` in the root conftest. Tests that
use one of the fixtures get the marker `control_plane`, so that `-m "not control_plane"` leaves them out.

The programs are compiled before the first test runs: a test's time limit does not count the compilation.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from uuid import uuid4

import pytest
from kubernetes.client import ApiClient, Configuration, CoreV1Api, V1Namespace, V1ObjectMeta
from kubernetes.client.exceptions import ApiException
from kubernetes.config import load_kube_config

from outlook_addin_sandbox.cluster.build import ensure_binaries
from outlook_addin_sandbox.cluster.control_plane import ControlPlane
from outlook_addin_sandbox.cluster.kubectl import Kubectl


def _uses_control_plane(item: pytest.Item) -> bool:
    return "control_plane" in getattr(item, "fixturenames", ())


def _visible(config: pytest.Config) -> AbstractContextManager[None]:
    """Lets a person see the progress line although pytest captures output."""
    capture = config.pluginmanager.getplugin("capturemanager")
    if capture is None:
        return nullcontext()
    visible: AbstractContextManager[None] = capture.global_and_fixture_disabled()
    return visible


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need the control plane, before `-m` selects."""
    for item in items:
        if _uses_control_plane(item):
            item.add_marker("control_plane")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Compile what is missing while no test's clock runs yet."""
    if session.config.option.collectonly or not any(map(_uses_control_plane, session.items)):
        return
    with _visible(session.config):
        ensure_binaries()


@pytest.fixture(scope="session")
def control_plane(pytestconfig: pytest.Config) -> Iterator[ControlPlane]:
    """The control plane that all tests of the session share; keep to your `namespace` in it."""
    with _visible(pytestconfig):
        sys.stderr.write("\n")  # pytest's line of dots is open
        plane = ControlPlane().__enter__()
    try:
        yield plane
    finally:
        plane.__exit__(None, None, None)


@pytest.fixture(scope="session")
def admin(control_plane: ControlPlane) -> Iterator[ApiClient]:
    """The administrator's client of the official library: `CoreV1Api(admin)`."""
    configuration = Configuration()
    load: Callable[..., None] = load_kube_config  # the library has types, but not on this function
    load(str(control_plane.kubeconfig), client_configuration=configuration)
    configuration.proxy = None  # the user's proxy does not know this machine's 127.0.0.1
    with ApiClient(configuration) as client:
        yield client
        client.rest_client.pool_manager.clear()


@pytest.fixture
def kubectl(control_plane: ControlPlane) -> Kubectl:
    """Run kubectl as the administrator: `kubectl("get", "pods", "-n", namespace)` returns its output."""
    return control_plane.kubectl


@pytest.fixture
def namespace(control_plane: ControlPlane, admin: ApiClient) -> Iterator[str]:
    """The name of a new namespace, deleted after the test without waiting for its end."""
    core = CoreV1Api(admin)
    name = f"test-{uuid4().hex[:10]}"
    core.create_namespace(V1Namespace(metadata=V1ObjectMeta(name=name)))
    # Pods are refused until the namespace has its default ServiceAccount.
    control_plane.wait_for(f"/api/v1/namespaces/{name}/serviceaccounts/default")
    yield name
    with suppress(ApiException):
        core.delete_namespace(name)

"""`kubectl outlook` in front of a real API server, as somebody who may do everything in one namespace."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from outlook_addin_core.domain.resources import API_VERSION
from outlook_addin_kubectl.cli import main
from outlook_addin_sandbox.cluster.control_plane import ControlPlane
from outlook_addin_sandbox.cluster.kubectl import Kubectl

Body = dict[str, Any]
TENANT = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"


def user(number: int) -> str:
    return f"dddddddd-dddd-4ddd-8ddd-{number:012}"


def condition(
    kind: str, status: str, reason: str, message: str = "A sentence.", since: timedelta = timedelta(0)
) -> Body:
    moment = (datetime.now(UTC) - since).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": moment,
    }


class Bank:
    """A namespace with an add-in and mailboxes, whose statuses a test writes."""

    def __init__(self, admin: Kubectl, namespace: str, own: Kubectl) -> None:
        self._admin = admin
        self.namespace = namespace
        self.kubectl = own

    def apply(self, *bodies: Body) -> None:
        items = {"apiVersion": "v1", "kind": "List", "items": bodies}
        self._admin("apply", "-n", self.namespace, "-f", "-", input_text=json.dumps(items))

    def set_status(self, kind: str, name: str, *conditions: Body, **status: Any) -> None:
        said = {"status": {"observedGeneration": 1, **status, "conditions": conditions}}
        options = ("--subresource=status", "--type=merge", "-p", json.dumps(said))
        self._admin("patch", kind, name, "-n", self.namespace, *options)

    def add_addin(self, *conditions: Body, **status: Any) -> None:
        spec = {
            "deploymentUrl": "https://outlook.bank.example",
            "unbluOAuthBackendUrl": "https://unblu.bank.example/gateway",
            "clientId": "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa",
            "tenantIds": [TENANT],
        }
        self.apply(
            {"apiVersion": API_VERSION, "kind": "OutlookAddin", "metadata": {"name": "desk"}, "spec": spec}
        )
        self.set_status(
            "oaddin", "desk", *(conditions or (condition("Ready", "True", "Available"),)), **status
        )

    def add_mailbox(
        self, name: str, number: int, *conditions: Body, addin: str = "desk", **status: Any
    ) -> None:
        spec = {"addinRef": {"name": addin}, "tenantId": TENANT, "userId": user(number)}
        metadata = {"name": name}
        self.apply(
            {
                "apiVersion": API_VERSION,
                "kind": "CalendarSubscription",
                "metadata": metadata,
                "spec": {**spec, "mailbox": f"{name}@bank.example"},
            }
        )
        self.set_status("csub", name, *(conditions or (condition("Ready", "True", "Subscribed"),)), **status)

    def get(self, kind: str, name: str) -> Body:
        body: Body = json.loads(self._admin("get", kind, name, "-n", self.namespace, "-o", "json"))
        return body

    def annotation(self, kind: str, name: str, key: str) -> str | None:
        annotations: dict[str, str] = self.get(kind, name)["metadata"].get("annotations", {})
        return annotations.get(f"outlook-addin.dev/{key}")

    def delete(self, kind: str, name: str) -> None:
        self._admin("delete", kind, name, "-n", self.namespace, "--wait=false")


@pytest.fixture
def bank(
    control_plane: ControlPlane,
    crds: None,  # noqa: ARG001 - our kinds are known
    namespace: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Bank:
    admin = control_plane.kubectl
    admin("create", "serviceaccount", "engineer", "-n", namespace)
    rights = ("--clusterrole=cluster-admin", f"--serviceaccount={namespace}:engineer")
    admin("create", "rolebinding", "engineer", "-n", namespace, *rights)
    kubeconfig = control_plane.kubeconfig_for_service_account(namespace, "engineer")
    (tmp_path / "kubectl").symlink_to(admin.program)
    monkeypatch.setenv("PATH", os.pathsep.join((str(tmp_path), os.environ["PATH"])))
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    return Bank(admin, namespace, Kubectl(admin.program, kubeconfig))


Outlook = Callable[..., tuple[int, str, str]]


@pytest.fixture
def outlook(bank: Bank, capsys: pytest.CaptureFixture[str]) -> Outlook:
    """Run `kubectl outlook`; returns the status it ends with, its output, and its errors."""

    def run(command: str, *arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([command, "-n", bank.namespace, *arguments])
        said = capsys.readouterr()
        code = ended.value.code
        assert isinstance(code, int)
        return code, said.out, said.err

    return run

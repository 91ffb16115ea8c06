"""A real Kubernetes control plane on this machine: etcd, API server, controller manager and scheduler.

    with ControlPlane() as cluster:
        cluster.kubectl("apply", "-f", "crds/")
        subprocess.run(["kopf", "run", …], env=cluster.environ())

No container engine and no root rights. Everything listens on 127.0.0.1 only, on ports that were free, with
certificates of a new authority. Pods are created and scheduled, but run only when something acts as a node.
"""

import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

from outlook_addin_sandbox.cluster import flags
from outlook_addin_sandbox.cluster.audit import AuditLog
from outlook_addin_sandbox.cluster.binaries import Binaries
from outlook_addin_sandbox.cluster.build import ensure_binaries
from outlook_addin_sandbox.cluster.certificates import (
    CertificateAuthority,
    KeyPair,
    write_service_account_key,
)
from outlook_addin_sandbox.cluster.errors import ControlPlaneError
from outlook_addin_sandbox.cluster.kubeconfig import certificate_user, token_user, write_kubeconfig
from outlook_addin_sandbox.cluster.kubectl import Kubectl
from outlook_addin_sandbox.cluster.ports import free_ports
from outlook_addin_sandbox.cluster.processes import ProcessGroup
from outlook_addin_sandbox.cluster.progress import Progress
from outlook_addin_sandbox.cluster.readiness import Probe, wait_until
from outlook_addin_sandbox.cluster.run_folder import RunFolder
from outlook_addin_sandbox.toolchain.tools import find_kubectl

LOOPBACK = ("127.0.0.1", "localhost")
START_SECONDS = 60.0
ADMIN_GROUP = "system:masters"
# kubernetes.io, "PKI certificates and requirements": the API server's identity towards kubelets.
KUBELET_CLIENT_USER = "kube-apiserver-kubelet-client"


class ControlPlane:
    """The local control plane. A context manager: it runs inside the block, and nothing is left after it.

    Args:
        binaries: The programs; compiled on first use, or taken from the cache, when None.
        port: Port of the API server; a free one when 0.
        base: Where the run's private folder is made; the system's folder for temporary files when None.
        progress: Where to show what is going on.
        start_seconds: How long the start may take before it counts as failed.
        audited: Whether to log what service accounts ask for; `audit` reads the log.
    """

    stays = False

    def __init__(  # noqa: PLR0913 (all by name)
        self,
        *,
        binaries: Binaries | None = None,
        port: int = 0,
        base: Path | None = None,
        progress: Progress | None = None,
        start_seconds: float = START_SECONDS,
        audited: bool = False,
    ) -> None:
        self._binaries = binaries
        self._port = port
        self._base = base
        self._progress = progress or Progress()
        self._start_seconds = start_seconds
        self._audited = audited

    def __enter__(self) -> Self:
        """Compile what is missing, start all processes and wait until they work.

        Raises:
            BuildError: The programs could not be compiled.
            ControlPlaneError: A process ended or was not ready in time; the message has its last log lines.
        """
        binaries = self._programs = self._binaries or ensure_binaries(self._progress)
        with ExitStack() as stack:
            self._run = stack.enter_context(RunFolder(self._base))
            self._processes = stack.enter_context(ProcessGroup(self._run.make("logs")))
            self._prepare()
            with self._progress.step("Starting the control plane"):
                self._start(binaries)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop all processes in order and remove the run's folder."""
        self._stack.close()

    @property
    def folder(self) -> Path:
        """The run's private folder: keys, kubeconfigs, logs. Removed at the end."""
        return self._run.path

    @property
    def port(self) -> int:
        """Port of the API server on 127.0.0.1."""
        return self._api_server.port

    @property
    def server(self) -> str:
        """URL of the API server."""
        return self._api_server.url

    @property
    def ca_file(self) -> Path:
        """PEM file of the authority that signed the API server's certificate."""
        return self._authority.certificate

    @property
    def process_ids(self) -> dict[str, int]:
        """The processes by name, in the order of their start."""
        return {child.name: child.process.pid for child in self._processes.children}

    def environ(self, base: Mapping[str, str] = os.environ) -> dict[str, str]:
        """The environment for a program that is to administer this cluster, past any proxy of the user's."""
        return {**self.kubectl.environ(base), **without_proxy(base)}

    def check(self) -> None:
        """Raise ControlPlaneError when one of the processes has ended."""
        self._processes.check()

    def restart_api_server(self, pause: float = 0.0) -> None:
        """Stop the API server, wait some seconds, start it again, and wait until it answers.

        Raises:
            ControlPlaneError: It did not come back in time.
        """
        self._processes.end("kube-apiserver")
        time.sleep(pause)
        self._processes.start("kube-apiserver", self._api_server.command(self._programs))
        self.wait_for("/readyz", "kube-apiserver")

    @contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """Let one of `process_ids` stand still meanwhile, as on a disk or machine that hangs."""
        identifier = self.process_ids[name]
        os.kill(identifier, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(identifier, signal.SIGCONT)

    def wait_for(self, path: str, writer: str = "kube-controller-manager") -> None:
        """Wait until the API server answers GET `path` with 200.

        Args:
            path: Such as `/api/v1/namespaces/NAME`.
            writer: The process that brings this about, whose log is shown when it does not.

        Raises:
            ControlPlaneError: It did not happen in time, or a process ended.
        """
        wait_until(
            lambda: self._probe.answers(path),
            alive=self.check,
            seconds=self._start_seconds,
            what=path,
            log=self._processes.logs / f"{writer}.log",
        )

    def kubeconfig_for_user(self, user: str, groups: Sequence[str] = ()) -> Path:
        """A kubeconfig with a client certificate; a kubelet is `system:node:NAME` in `system:nodes`."""
        file_name = f"user-{user.replace(':', '-').replace('/', '-')}"
        pair = self._authority.client(file_name, user, groups)
        return self._write_kubeconfig(file_name, certificate_user(pair))

    def kubeconfig_for_service_account(self, namespace: str, name: str, duration: str = "24h") -> Path:
        """A kubeconfig with a token of an existing ServiceAccount, made with the TokenRequest API."""
        token = self.kubectl(
            "create", "token", name, "--namespace", namespace, "--duration", duration
        ).strip()
        return self._write_kubeconfig(f"serviceaccount-{namespace}-{name}", token_user(token), namespace)

    def serving_certificate(self, name: str, *names: str) -> KeyPair:
        """A server certificate that the API server trusts: what a node's kubelet port (logs) needs."""
        return self._authority.serving(f"serving-{name.replace('*', 'any')}", (name, *names))

    def node_certificate(self) -> KeyPair:
        """A certificate for the local node, which this API server asks for when logs are read."""
        return self.serving_certificate("local-node", "127.0.0.1")

    def _prepare(self) -> None:
        pki = self._run.make("pki")
        self._authority = CertificateAuthority(pki)
        self._service_account_key = write_service_account_key(pki)
        client_port, peer_port, api_port = free_ports(3)
        self.audit = AuditLog(self._run.make("audit")) if self._audited else None
        self._etcd = flags.Etcd(self._run.make("etcd"), client_port, peer_port)
        self._api_server = flags.ApiServer(
            port=self._port or api_port,
            etcd_url=self._etcd.url,
            ca=self._authority.certificate,
            serving=self._authority.serving("kube-apiserver", flags.SERVER_NAMES),
            kubelet_client=self._authority.client(KUBELET_CLIENT_USER, KUBELET_CLIENT_USER, [ADMIN_GROUP]),
            service_account_key=self._service_account_key,
            audit=self.audit,
        )
        admin = self._authority.client("admin", "kubernetes-admin", [ADMIN_GROUP])
        self._probe = Probe(self.server, self.ca_file, admin)
        self.kubeconfig = self._write_kubeconfig("admin", certificate_user(admin))
        self.kubectl = Kubectl(
            find_kubectl(self._progress.say).path, self.kubeconfig, cache=self._run.make("kubectl-cache")
        )

    def _start(self, binaries: Binaries) -> None:
        try:
            self._processes.start("etcd", self._etcd.command(binaries))
            self._processes.start("kube-apiserver", self._api_server.command(binaries))
            self.wait_for("/readyz", "kube-apiserver")
            self._start_controllers(binaries)
            # The work of two controllers that every Pod needs shows that the controller manager works.
            for path in ("serviceaccounts/default", "configmaps/kube-root-ca.crt"):
                self.wait_for(f"/api/v1/namespaces/default/{path}", "kube-controller-manager")
        except ControlPlaneError:
            self._run.keep = True
            raise

    def _start_controllers(self, binaries: Binaries) -> None:
        self._processes.start(
            "kube-controller-manager",
            flags.controller_manager(
                binaries,
                kubeconfig=self.kubeconfig_for_user("system:kube-controller-manager"),
                ca=self.ca_file,
                service_account_key=self._service_account_key,
            ),
        )
        kubeconfig = self.kubeconfig_for_user("system:kube-scheduler")
        self._processes.start("kube-scheduler", flags.scheduler(binaries, kubeconfig=kubeconfig))

    def _write_kubeconfig(self, name: str, user: dict[str, str], namespace: str = "default") -> Path:
        path = self._run.make("kubeconfigs") / name
        return write_kubeconfig(path, server=self.server, ca=self.ca_file, user=user, namespace=namespace)


def without_proxy(environ: Mapping[str, str]) -> dict[str, str]:
    """The proxy exceptions of an environment, in both spellings, with the loopback addresses added."""
    exceptions = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    value = ",".join([*filter(None, exceptions.split(",")), *LOOPBACK])
    return {"NO_PROXY": value, "no_proxy": value}

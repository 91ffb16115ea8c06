"""The command lines of the control plane's processes. Pure.

Source of the flags: kubernetes.io, "Command line tools reference"; etcd.io, "Configuration options".
"""

from dataclasses import dataclass
from pathlib import Path

from outlook_addin_sandbox.cluster.audit import AuditLog
from outlook_addin_sandbox.cluster.binaries import Binaries
from outlook_addin_sandbox.cluster.certificates import KeyPair

ISSUER = "https://kubernetes.default.svc"
SERVICE_RANGE = "10.0.0.0/24"
SERVER_NAMES = (
    "127.0.0.1",
    "localhost",
    "10.0.0.1",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)


@dataclass(frozen=True)
class Etcd:
    """Where etcd listens and keeps its data."""

    data: Path
    client_port: int
    peer_port: int

    @property
    def url(self) -> str:
        """The address that kube-apiserver uses."""
        return f"http://127.0.0.1:{self.client_port}"

    def command(self, binaries: Binaries) -> list[str]:
        """Etcd with one member. The data lives as long as the run, hence no fsync."""
        peer = f"http://127.0.0.1:{self.peer_port}"
        return [
            str(binaries.etcd),
            f"--data-dir={self.data}",
            f"--listen-client-urls={self.url}",
            f"--advertise-client-urls={self.url}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
            "--log-level=warn",
        ]


@dataclass(frozen=True)
class ApiServer:
    """Where kube-apiserver listens, and the keys it uses."""

    port: int
    etcd_url: str
    ca: Path
    serving: KeyPair
    kubelet_client: KeyPair
    service_account_key: Path
    audit: AuditLog | None = None

    @property
    def url(self) -> str:
        """The address for clients, pods included."""
        return f"https://127.0.0.1:{self.port}"

    def command(self, binaries: Binaries) -> list[str]:
        """Kube-apiserver with the default API groups; as strict about owner references as OpenShift's."""
        return [
            str(binaries.kube_apiserver),
            f"--etcd-servers={self.etcd_url}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self.port}",
            # Loopback is no valid Endpoint; without an address it needs a default route and fails offline.
            "--advertise-address=127.0.0.1",
            "--endpoint-reconciler-type=none",
            "--external-hostname=localhost",
            f"--tls-cert-file={self.serving.certificate}",
            f"--tls-private-key-file={self.serving.key}",
            f"--client-ca-file={self.ca}",
            f"--kubelet-certificate-authority={self.ca}",
            f"--kubelet-client-certificate={self.kubelet_client.certificate}",
            f"--kubelet-client-key={self.kubelet_client.key}",
            "--kubelet-preferred-address-types=InternalIP,Hostname",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction,OwnerReferencesPermissionEnforcement",
            f"--service-account-issuer={ISSUER}",
            f"--api-audiences={ISSUER}",
            f"--service-account-key-file={self.service_account_key}",
            f"--service-account-signing-key-file={self.service_account_key}",
            f"--service-cluster-ip-range={SERVICE_RANGE}",
            "--allow-privileged=true",
            "--profiling=false",
            *self._audit_flags(),
        ]

    def _audit_flags(self) -> list[str]:
        if self.audit is None:
            return []
        return [f"--audit-policy-file={self.audit.policy}", f"--audit-log-path={self.audit.log}"]


def controller_manager(
    binaries: Binaries, *, kubeconfig: Path, ca: Path, service_account_key: Path
) -> list[str]:
    """Kube-controller-manager with its default controllers; it serves nothing itself."""
    return [
        str(binaries.kube_controller_manager),
        f"--kubeconfig={kubeconfig}",
        f"--root-ca-file={ca}",
        f"--service-account-private-key-file={service_account_key}",
        "--use-service-account-credentials=true",
        "--leader-elect=false",
        "--secure-port=0",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
        "--profiling=false",
    ]


def scheduler(binaries: Binaries, *, kubeconfig: Path) -> list[str]:
    """Kube-scheduler with its default profile; it serves nothing itself."""
    return [
        str(binaries.kube_scheduler),
        f"--kubeconfig={kubeconfig}",
        "--leader-elect=false",
        "--secure-port=0",
        "--profiling=false",
    ]

"""The real web server as a process of its own, as a pod runs it, and what it may need around it."""

import asyncio
import base64
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aiohttp import ClientConnectionError, ClientSession

from outlook_addin_core.domain.config import AddinConfig
from outlook_addin_sandbox.cluster.control_plane import ControlPlane
from outlook_addin_sandbox.cluster.kubectl import ESTABLISHED
from outlook_addin_sandbox.cluster.ports import free_ports
from outlook_addin_sandbox.world import World

KEY = bytes(range(32))
ADDIN, NAMESPACE = "desk", "bank"
STARTS_WITHIN = 60.0
SWEPT_WITHIN = 900.0
SWEEPS = 'outlook_addin_sweeps_total{outcome="complete"}'
ROOT = Path(__file__).parents[1]
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class WebServer:
    """One pod.

    Args:
        environ: What the operator gives to a pod, beyond ports and configuration.
    """

    folder: Path
    config: AddinConfig
    environ: Mapping[str, str]
    port: int
    metrics_port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where Graph delivers."""
        return f"http://127.0.0.1:{self.port}/{self.config.deployment_addin_endpoint}/graph/notifications"

    async def start(self) -> None:
        """Start it and wait until it is ready."""
        self._spawn()
        await until_answers(f"http://127.0.0.1:{self.port}/ready")

    def _spawn(self) -> None:
        path = self.folder / "addin.json"
        path.write_text(self.config.to_json())
        own = {
            "ADDIN_CONFIG": str(path),
            "ADDIN_NAME": ADDIN,
            "POD_NAMESPACE": NAMESPACE,
            "LISTEN_ADDRESS": "127.0.0.1",
            "PORT": str(self.port),
            "METRICS_PORT": str(self.metrics_port),
            "WEBHOOK_KEY": base64.urlsafe_b64encode(KEY).decode(),
        }
        base = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
        command = [sys.executable, "-c", "from outlook_addin_web.main import main; main()"]
        with (self.folder / "web.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, env={**base, **self.environ, **own}, stdout=log, stderr=log
            )

    def kill(self) -> None:
        """End it as the kernel does when memory is short: it learns nothing of it."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it as Kubernetes does."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(60)
            self.process = None

    async def until_swept(self, times: int) -> None:
        """Wait until so many sweeps have been completed."""
        async with asyncio.timeout(SWEPT_WITHIN):
            while (await self.metrics()).get(SWEEPS, 0) < times:  # noqa: ASYNC110 - a process tells nobody
                await asyncio.sleep(0.5)

    def processor_seconds(self) -> float:
        """Return what the process has used so far."""
        return 0.0 if self.process is None else processor_seconds(self.process.pid)

    async def metrics(self) -> dict[str, float]:
        """Return its metrics by name and labels, as they are written."""
        url = f"http://127.0.0.1:{self.metrics_port}/metrics"
        async with ClientSession() as session, session.get(url) as answer:
            lines = (await answer.text()).splitlines()
        pairs = (line.rpartition(" ") for line in lines if line and not line.startswith("#"))
        return {name: float(value) for name, _, value in pairs}


def processor_seconds(pid: int) -> float:
    """Return what a process has used so far, in user and kernel mode (proc_pid_stat(5), fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


async def until_answers(url: str) -> None:
    """Wait until a server answers 200.

    Raises:
        TimeoutError: It does not within a minute.
    """
    async with asyncio.timeout(STARTS_WITHIN), ClientSession() as session:
        while True:
            try:
                async with session.get(url) as answer:
                    if answer.status == 200:
                        return
            except ClientConnectionError:
                pass
            await asyncio.sleep(0.02)


async def connected(stack: AsyncExitStack, plane: ControlPlane, world: World, **settings: Any) -> WebServer:
    """Return the web server of an OutlookAddin between a cluster and a simulated world, not started yet.

    Args:
        stack: Ends it.
        settings: Of the configuration, beside what says where everything is.
    """
    config = AddinConfig(
        deployment_url="http://addin.localhost:8080",
        unblu_oauth_backend_url=world.unblu.url,
        client_id=world.client_id,
        authority=f"{world.entra.url}/common",
        tenant_ids=(world.tenant_id,),
        graph_url=world.graph.url,
        sync_server_enabled=True,
        sync_server_auth_gateway_client_id=world.gateway_client_id,
        **settings,
    )
    environ = {
        "KUBECONFIG": str(await asyncio.to_thread(_installed, plane)),
        "CLIENT_SECRET": world.client_secret,
        "SYNCSERVER_AUTH_GATEWAY_CLIENT_SECRET": world.gateway_client_secret,
        "CA_BUNDLE": str(world.ca_bundle),
    }
    port, metrics_port = free_ports(2)
    folder = Path(stack.enter_context(TemporaryDirectory()))
    server = WebServer(folder, config, environ, port, metrics_port)
    stack.callback(server.stop)
    return server


def _installed(plane: ControlPlane) -> Path:
    """Install resources and role, and return how the web server reaches the API server."""
    run = plane.kubectl
    run("apply", "--server-side", "-k", str(ROOT / "crds"))
    run("wait", ESTABLISHED, "crd", "--all", "--timeout=60s")
    run("apply", "-f", str(ROOT / "manifests" / "web-role.yaml"))
    run("create", "namespace", NAMESPACE)
    run("create", "serviceaccount", ADDIN, "-n", NAMESPACE)
    subject = f"--serviceaccount={NAMESPACE}:{ADDIN}"
    run("create", "rolebinding", ADDIN, "--clusterrole=outlook-addin-web", subject, "-n", NAMESPACE)
    return plane.kubeconfig_for_service_account(NAMESPACE, ADDIN)


def requests_to(world: World) -> Counter[str]:
    """Return how many requests simulated Unblu and Graph have had."""
    return Counter(unblu=world.unblu.requests.total(), graph=world.graph.requests.total())

"""The real web server as a process of its own, as a pod runs it, and what it may need around it."""

import asyncio
import base64
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aiohttp import ClientConnectionError, ClientSession

from outlook_addin_core.domain.config import AddinConfig

KEY = bytes(range(32))
ADDIN, NAMESPACE = "desk", "bank"
STARTS_WITHIN = 60.0
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

"""One run of a container: a process in a session of its own, its log file, and all that belongs to it.

The session stands in for the container's PID namespace: when the first process ends, the rest is killed. The
kernel kills the first process when the node dies, however it dies.
"""

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from outlook_addin_sandbox.cluster.processes import tethered
from outlook_addin_sandbox.node.pod_plan import ContainerPlan

_SESSION_FIELD: Final = 3
_RSS_FIELD: Final = 21
_SIGNAL_EXIT: Final = 128
_page_size: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class ProcessInfo:
    """One line of the process table."""

    pid: int
    session: int
    rss: int
    """Resident memory in bytes."""


class LocalProcess:
    """A running container process; make it with `LocalProcess.start`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._ended = False

    @classmethod
    async def start(cls, plan: ContainerPlan, folder: Path, log: Path) -> "LocalProcess":
        """Start the process with both outputs appended to the log file.

        Raises:
            OSError: there is no such program, or it cannot be executed.
        """
        program = _find(plan)
        with _open_log(log) as output:
            process = await asyncio.create_subprocess_exec(
                *tethered([program, *plan.argv[1:]]),
                env=plan.env,
                cwd=folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        return cls(process)

    @property
    def pid(self) -> int:
        """The process id, which is the id of the session too."""
        return self._process.pid

    async def wait(self) -> int:
        """Wait for the first process, end the others, and return the exit code as a shell would."""
        code = await self._process.wait()
        self._kill_session()
        return code if code >= 0 else _SIGNAL_EXIT - code

    def terminate(self) -> None:
        """Ask the first process to end, as a container runtime does."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End every process of the session at once."""
        if not self._ended:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            self._kill_session()

    def _kill_session(self) -> None:
        if self._ended:  # the id may belong to another process by now
            return
        self._ended = self._process.returncode is not None
        for info in process_table():
            if info.session == self.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(info.pid, signal.SIGKILL)


def process_table() -> Iterator[ProcessInfo]:
    """List the processes that run; those that have ended, though nobody has taken notice yet, do not."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                stat = (folder / "stat").read_text()
                if info := parse_stat(int(folder.name), stat):
                    yield info


def parse_stat(pid: int, stat: str) -> ProcessInfo | None:
    """Read a `/proc/PID/stat` (man 5 proc); None for a zombie."""
    fields = stat.rpartition(")")[2].split()
    if fields[0] == "Z":
        return None
    return ProcessInfo(pid, int(fields[_SESSION_FIELD]), int(fields[_RSS_FIELD]) * _page_size)


def _find(plan: ContainerPlan) -> str:
    program = shutil.which(plan.argv[0], path=plan.env.get("PATH"))
    if program is None:
        raise FileNotFoundError(f"exec: {plan.argv[0]!r}: no such program, or it cannot be executed")
    return program


def _open_log(log: Path) -> IO[bytes]:
    log.parent.mkdir(parents=True, exist_ok=True)
    return log.open("ab")

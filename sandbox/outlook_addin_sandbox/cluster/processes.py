"""Child processes that are started in order, watched, stopped in the reverse order, and never left behind.

Stopping is by process handle, never by name. When this program is killed, the kernel kills the children
(`tether.py`). That signal follows the *thread* that started the child, hence the one starter thread that
lives as long as the group. Children have a session of their own, so that Ctrl-C reaches only this program,
which then stops them in order.
"""

import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from outlook_addin_sandbox.cluster.errors import ControlPlaneError

TETHER = Path(__file__).with_name("tether.py")
STOP_SECONDS = 10.0


def last_lines(log: Path, count: int = 15) -> str:
    """The last lines of a log file, indented, for an error message."""
    try:
        with log.open(errors="replace") as file:
            lines = deque(file, maxlen=count)
    except FileNotFoundError:
        return "    (no log)"
    return "".join(f"    {line.rstrip()[:400]}\n" for line in lines).rstrip("\n") or "    (the log is empty)"


def tethered(command: Sequence[str | Path]) -> list[str]:
    """The command line that runs `command` tied to the life of this process."""
    return [sys.executable, "-I", "-S", str(TETHER), str(os.getpid()), *map(str, command)]


@dataclass(frozen=True)
class Child:
    """One running process and its log."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def running(self) -> bool:
        """Whether the process has not ended."""
        return self.process.poll() is None

    def stop(self, grace: float = STOP_SECONDS) -> None:
        """Ask the process to end, insist after `grace` seconds or on Ctrl-C, and reap it."""
        with suppress(ProcessLookupError):
            self.process.terminate()
        try:
            self.process.wait(grace)
        except subprocess.TimeoutExpired:
            self._kill()
        except BaseException:
            self._kill()
            raise

    def _kill(self) -> None:
        self.process.kill()
        self.process.wait()


class ProcessGroup:
    """Processes that belong together. Use as a context manager: leaving it stops all of them.

    Args:
        logs: Existing folder for one `<name>.log` per process.
    """

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self._children: list[Child] = []
        self._starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="process-starter")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def children(self) -> tuple[Child, ...]:
        """The processes in the order of their start."""
        return tuple(self._children)

    def start(
        self, name: str, command: Sequence[str | Path], environ: Mapping[str, str] | None = None
    ) -> Child:
        """Start a process with its output in `<logs>/<name>.log`."""
        log = self.logs / f"{name}.log"
        process = self._starter.submit(self._spawn, tethered(command), log, environ).result()
        child = Child(name, process, log)
        self._children.append(child)
        return child

    def end(self, name: str) -> None:
        """Stop one process; it does not belong to the group any more."""
        for child in [each for each in self._children if each.name == name]:
            self._children.remove(child)
            child.stop()

    def _spawn(
        self, command: list[str], log: Path, environ: Mapping[str, str] | None
    ) -> subprocess.Popen[bytes]:
        with log.open("ab") as output:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environ,
                cwd=self.logs,
                start_new_session=True,
            )

    def check(self) -> None:
        """Raise ControlPlaneError with the last log lines when a process has ended."""
        for child in self._children:
            if not child.running:
                reason = _reason(child.process.returncode)
                raise ControlPlaneError(
                    f"{child.name} ended with {reason}; {child.log} ends with\n{last_lines(child.log)}"
                )

    def stop(self) -> None:
        """Stop all processes, the last one started first. Safe to call twice."""
        try:
            while self._children:
                self._children[-1].stop()
                self._children.pop()
        finally:
            for child in self._children:
                child.stop(grace=0)
            self._children.clear()
            self._starter.shutdown()


def _reason(returncode: int) -> str:
    return f"exit code {returncode}" if returncode >= 0 else signal.Signals(-returncode).name

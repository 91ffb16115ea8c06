"""A process whose memory and processor time are read from the kernel while it runs."""

import os
import re
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from outlook_addin_sandbox.cluster.processes import tethered

_TICKS = os.sysconf("SC_CLK_TCK")


class Watched:
    """A running process; leaving the context ends it.

    Args:
        command: What to run.
        environ: Its whole environment.
        log: Where its output goes.
    """

    def __init__(self, command: Sequence[str | Path], environ: Mapping[str, str], log: Path) -> None:
        self.log = log
        with log.open("wb") as output:
            self.started = time.monotonic()
            self._process = subprocess.Popen(
                tethered(command),
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def age(self) -> float:
        """Seconds since its start."""
        return time.monotonic() - self.started

    def check(self) -> None:
        """Raise RuntimeError with the end of its log when it has ended."""
        if self._process.poll() is not None:
            raise RuntimeError(f"ended with {self._process.returncode}:\n{self.log.read_text()[-3000:]}")

    def memory(self) -> float:
        """Resident memory in MB."""
        return self._status("VmRSS")

    def peak(self) -> float:
        """The most resident memory so far, in MB."""
        return self._status("VmHWM")

    def processor(self) -> float:
        """Seconds of processor time so far."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS  # man 5 proc_pid_stat: utime, stime

    def _status(self, name: str) -> float:
        text = Path(f"/proc/{self._process.pid}/status").read_text()
        found = re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)
        return int(found[1]) * 1024 / 1e6 if found else 0.0


def middle(samples: Sequence[float]) -> float:
    """Return the median of the second half: what a value has settled to."""
    return statistics.median(samples[len(samples) // 2 :])

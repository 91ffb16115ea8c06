"""Child processes: started in order, watched, stopped in the reverse order, tied to this program."""

import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from outlook_addin_sandbox.cluster.errors import ControlPlaneError
from outlook_addin_sandbox.cluster.processes import ProcessGroup, last_lines, tethered
from outlook_addin_sandbox.cluster.progress import Progress

IsRunning = Callable[[int], bool]
# Says goodbye and ends when asked to; a shell's `sleep` would outlive it, hence `exec` and a fifo to read.
POLITE = "trap 'echo {name} >> order; exit 0' TERM; echo ready; while :; do read line < fifo; done"


@pytest.fixture
def group(tmp_path: Path) -> Iterator[ProcessGroup]:
    os.mkfifo(tmp_path / "fifo")
    with ProcessGroup(tmp_path) as processes:
        yield processes


def is_ready(log: Path) -> bool:
    return "ready" in log.read_text()


def test_processes_are_stopped_in_the_reverse_order_of_their_start(
    group: ProcessGroup, tmp_path: Path, eventually: Callable[..., None]
) -> None:
    for name in ("first", "second", "third"):
        child = group.start(name, ["sh", "-c", POLITE.format(name=name)])
        eventually(lambda log=child.log: is_ready(log))
    group.stop()
    assert (tmp_path / "order").read_text().split() == ["third", "second", "first"]


def test_a_process_that_ignores_the_request_is_killed(
    group: ProcessGroup, eventually: Callable[..., None], is_running: IsRunning
) -> None:
    child = group.start(
        "stubborn", ["sh", "-c", "trap '' TERM; echo ready; while :; do read line < fifo; done"]
    )
    eventually(lambda: is_ready(child.log))
    child.stop(grace=0.1)
    assert not is_running(child.process.pid)
    assert child.process.returncode == -signal.SIGKILL


def test_a_process_that_ended_is_reported_with_its_last_words(
    group: ProcessGroup, eventually: Callable[..., None]
) -> None:
    group.start("fine", ["sh", "-c", "read line < fifo"])
    broken = group.start("broken", ["sh", "-c", "echo no such file; exit 7"])
    eventually(lambda: not broken.running)
    with pytest.raises(
        ControlPlaneError, match=r"(?s)broken ended with exit code 7; .*broken\.log.*no such file"
    ):
        group.check()


def test_stopping_twice_does_no_harm(group: ProcessGroup) -> None:
    group.start("fine", ["sh", "-c", "read line < fifo"])
    group.stop()
    group.stop()
    assert group.children == ()


def test_a_process_outlives_the_thread_that_asked_for_it(
    group: ProcessGroup, eventually: Callable[..., None]
) -> None:
    thread = threading.Thread(
        target=group.start, args=("child", ["sh", "-c", "echo ready; read line < fifo"])
    )
    thread.start()
    thread.join()
    (child,) = group.children
    eventually(lambda: is_ready(child.log))
    assert child.running


def test_a_command_whose_parent_is_gone_does_not_start(tmp_path: Path) -> None:
    command = tethered(["touch", tmp_path / "started"])
    command[4] = "1"  # some other process than the one that starts it
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "the parent ended" in done.stderr
    assert not (tmp_path / "started").exists()


def test_a_log_is_shown_from_its_end(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("".join(f"line {number}\n" for number in range(100)))
    assert last_lines(log, 2) == "    line 98\n    line 99"
    assert last_lines(tmp_path / "none") == "    (no log)"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_progress_writes_whole_lines_where_there_is_no_terminal(eventually: Callable[..., None]) -> None:
    stream = io.StringIO()
    with Progress(stream, interval=0.01).step("Compiling", lambda: "(7 packages)"):
        eventually(lambda: "(7 packages)" in stream.getvalue())
    lines = stream.getvalue().splitlines()
    assert lines[0] == "Compiling … 0:00"
    assert lines[-1] == "Compiling … 0:00 done"
    assert "\x1b" not in stream.getvalue()


def test_progress_rewrites_one_line_on_a_terminal(eventually: Callable[..., None]) -> None:
    stream = Terminal()
    with Progress(stream, interval=0.01).step("Compiling", lambda: "(7 packages)"):
        eventually(lambda: "(7 packages)" in stream.getvalue())
    assert stream.getvalue().count("\n") == 1
    assert stream.getvalue().endswith("\r\x1b[KCompiling … 0:00 done\n")


def test_progress_says_when_a_step_did_not_finish() -> None:
    stream = io.StringIO()
    with pytest.raises(KeyboardInterrupt), Progress(stream).step("Compiling"):
        raise KeyboardInterrupt
    assert stream.getvalue().endswith("Compiling … 0:00 stopped\n")


def test_ctrl_c_reaches_this_program_only(group: ProcessGroup, eventually: Callable[..., None]) -> None:
    child = group.start(
        "child",
        [
            sys.executable,
            "-c",
            "import os; print('ready', os.getsid(0), flush=True); os.read(os.open('fifo', os.O_RDONLY), 1)",
        ],
    )
    eventually(lambda: is_ready(child.log))
    assert os.getsid(child.process.pid) == child.process.pid != os.getsid(0)

"""Run a command that ends when its parent does: `python -I -S tether.py PARENT_PID COMMAND…`.

A script rather than a `preexec_fn`, which may deadlock in a program with threads. It ties itself to the
parent with `PR_SET_PDEATHSIG` (Linux, `man 2 prctl`) and then becomes the command: no process remains in
between. Standard library only, so that it starts in milliseconds.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def tie_to_parent(parent: int) -> None:
    """Ask the kernel to kill this process when its parent ends; end at once if that has happened already."""
    if sys.platform != "linux":
        return
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        sys.exit("the parent ended before the command started")


if __name__ == "__main__":
    tie_to_parent(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - becoming the command is the purpose

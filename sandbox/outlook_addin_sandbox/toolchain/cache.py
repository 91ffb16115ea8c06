"""Where the sandbox keeps what is slow to make again: compiled binaries and installed tools."""

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Event


def cache_folder(environ: Mapping[str, str] | None = None) -> Path:
    """The user's cache folder for this project; not created here.

    Source of the rule: XDG Base Directory Specification, `XDG_CACHE_HOME` (relative values are ignored).
    """
    environ = os.environ if environ is None else environ
    base = Path(environ.get("XDG_CACHE_HOME", ""))
    if not base.is_absolute():
        base = Path(environ.get("HOME") or Path.home()) / ".cache"
    return base / "outlook-addin-operator"


@contextmanager
def exclusive(lock: Path, waiting: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Hold the file lock `lock`; `waiting` is called once when somebody else holds it.

    The kernel gives the lock back when its holder ends, however it ends, so no stale lock can remain.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        if not try_lock(file.fileno()):
            waiting()
            while not try_lock(file.fileno()):
                Event().wait(0.5)
        yield


def try_lock(descriptor: int) -> bool:
    """Take the file lock if it is free, and say whether it was."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

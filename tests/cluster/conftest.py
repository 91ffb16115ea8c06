"""What the tests of clusters and tools share."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def eventually() -> Callable[..., Any]:
    """Waits until a call returns something true, and returns that; fails after 30 seconds."""

    def wait(what: Callable[[], Any], seconds: float = 30) -> Any:
        deadline = time.monotonic() + seconds
        while not (value := what()):
            assert time.monotonic() < deadline, "it did not happen in time"
            threading.Event().wait(0.05)
        return value

    return wait


@pytest.fixture(autouse=True)
def _past_any_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.delenv("no_proxy", raising=False)


@pytest.fixture
def is_running() -> Callable[[int], bool]:
    """Says whether a process runs; one that ended and waits to be reaped does not."""

    def running(pid: int) -> bool:
        process = Path(f"/proc/{pid}")
        try:
            state = (process / "stat").read_text().rpartition(")")[2].split()[0]
            # The first thread may be a zombie while others still hold sockets.
            return state != "Z" or len(list((process / "task").iterdir())) > 1
        except (FileNotFoundError, ProcessLookupError):
            return False

    return running

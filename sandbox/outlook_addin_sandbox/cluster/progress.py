"""One line that tells a waiting person what happens, for how long, and that it still moves.

On a terminal the line is rewritten every second; elsewhere (a CI log) a new line every 15 seconds.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

TERMINAL_SECONDS = 1.0
LOG_SECONDS = 15.0


class Progress:
    """Writes progress lines to a stream.

    Args:
        stream: Where to write; the current `sys.stderr` by default.
        interval: Seconds between two signs of life; by default chosen by what the stream is.
    """

    def __init__(self, stream: TextIO | None = None, interval: float | None = None) -> None:
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._interval = interval or (TERMINAL_SECONDS if self._terminal else LOG_SECONDS)

    def say(self, message: str) -> None:
        """Write one line that stays."""
        clear = "\r\x1b[K" if self._terminal else ""
        self._stream.write(f"{clear}{message}\n")
        self._stream.flush()

    @contextmanager
    def step(self, title: str, detail: Callable[[], str] = lambda: "") -> Iterator[None]:
        """Show `title`, the time it takes and `detail()` until the block ends, and then the total."""
        started = time.monotonic()
        done = threading.Event()
        self._show(title, started, "")
        ticker = threading.Thread(target=self._tick, args=(title, started, detail, done), daemon=True)
        ticker.start()
        outcome = "stopped"
        try:
            yield
            outcome = "done"
        finally:
            done.set()
            ticker.join()
            self.say(f"{title} … {_clock(time.monotonic() - started)} {outcome}")

    def _tick(self, title: str, started: float, detail: Callable[[], str], done: threading.Event) -> None:
        while not done.wait(self._interval):
            self._show(title, started, detail())

    def _show(self, title: str, started: float, detail: str) -> None:
        line = f"{title} … {_clock(time.monotonic() - started)} {detail}".rstrip()
        if self._terminal:
            self._stream.write(f"\r\x1b[K{line[:140]}")
            self._stream.flush()
        else:
            self.say(line)


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"

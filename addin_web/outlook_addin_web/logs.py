"""Logs: one JSON object a line; they name Kubernetes objects and pseudonyms, never people."""

import logging
import sys
import traceback
from typing import Final

from pythonjsonlogger.json import JsonFormatter

from outlook_addin_core.clients.correlation import correlation

_FORMAT: Final = "{asctime}{levelname}{name}{message}"
_QUIET: Final = ("aiohttp.access", "asyncio", "httpx2", "httpcore2", "msal", "urllib3")
"""Libraries whose chatter names URLs, and with them mailboxes and codes."""


class PlainFormatter(JsonFormatter):
    """Writes where an exception came from but not its text, which may hold what somebody typed."""

    def formatException(self, ei: object) -> str:  # noqa: N802 - the name that logging calls
        """Return the exception's type and the frames it passed."""
        kind, _, frames = ei if isinstance(ei, tuple) else (None, None, None)
        name = getattr(kind, "__name__", "unknown")
        return "".join([*traceback.format_tb(frames), name])


class CorrelationFilter(logging.Filter):
    """Adds the id that leads from a notification to the calls that it caused."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Complete a record; none is left out."""
        identity = correlation.get()
        if identity and not hasattr(record, "correlation"):
            record.correlation = identity
        return True


def configure(level: str) -> None:
    """Send all logs to standard output; ``level`` is one of debug, info, warning, error."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        PlainFormatter(
            _FORMAT,
            style="{",
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
            datefmt="%Y-%m-%dT%H:%M:%S%z",
        )
    )
    handler.addFilter(CorrelationFilter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)

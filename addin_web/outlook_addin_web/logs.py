"""Logs: one JSON object a line; they name Kubernetes objects and pseudonyms, never people."""

import asyncio
import logging
import sys
import traceback
from collections.abc import Mapping
from typing import Final, TextIO

from aiohttp.http import HttpProcessingError
from aiohttp.web import RequestPayloadError
from pythonjsonlogger.json import JsonFormatter

from outlook_addin_core.clients.correlation import correlation

_FORMAT: Final = "{asctime}{levelname}{name}{message}"
_OURS: Final = ("outlook_addin_core", "outlook_addin_web")
"""Libraries only say what is wrong: their chatter names URLs, and with them mailboxes and codes."""


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


class StrangersFilter(logging.Filter):
    """Leaves out requests that are no proper HTTP: anybody can send them, and nobody here can do anything."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a record concerns us."""
        error = record.exc_info[1] if record.exc_info else None
        return not isinstance(error, (HttpProcessingError, RequestPayloadError))


def unhandled(_: asyncio.AbstractEventLoop, context: Mapping[str, object]) -> None:
    """Log an error that nobody has waited for; asyncio itself would write what was worked on, too."""
    error = context.get("exception")
    exc_info = error if isinstance(error, BaseException) else None
    logging.getLogger(__name__).error("an error that nobody has waited for", exc_info=exc_info)


def configure(level: str, stream: TextIO = sys.stdout) -> None:
    """Send all logs to standard output; ``level`` is one of debug, info, warning, error."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        PlainFormatter(
            _FORMAT,
            style="{",
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
            datefmt="%Y-%m-%dT%H:%M:%S%z",
        )
    )
    handler.addFilter(CorrelationFilter())
    handler.addFilter(StrangersFilter())
    wanted = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(level=max(wanted, logging.WARNING), handlers=[handler], force=True)
    for name in _OURS:
        logging.getLogger(name).setLevel(wanted)

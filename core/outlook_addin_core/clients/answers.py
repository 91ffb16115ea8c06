"""From an HTTP answer that is no success to the error that it stands for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final

import httpx2

from outlook_addin_core.clients.errors import (
    ClientError,
    Conflict,
    Denied,
    NotFound,
    Rejected,
    ServerError,
    Throttled,
    Unauthorized,
    redact,
)
from outlook_addin_core.domain.renewal import LONGEST_PAUSE

BANDWIDTH_EXCEEDED: Final = 509
"""Graph's other way of saying 429 (learn.microsoft.com/graph/errors)."""

CODE_LENGTH: Final = 64
"""Codes are words; what is longer is cut, because they stand in conditions."""

_BY_STATUS: Mapping[int, type[ClientError]] = {
    HTTPStatus.UNAUTHORIZED: Unauthorized,
    HTTPStatus.FORBIDDEN: Denied,
    HTTPStatus.NOT_FOUND: NotFound,
    HTTPStatus.CONFLICT: Conflict,
    HTTPStatus.TOO_MANY_REQUESTS: Throttled,
    BANDWIDTH_EXCEEDED: Throttled,
}


def failure(response: httpx2.Response, operation: str) -> ClientError:
    """Return the error that an answer other than 2xx stands for; its text is meant for logs."""
    problem = _read(response)
    retry_after = parse_retry_after(response.headers)
    kind = _kind(response.status_code, retry_after)
    error = kind(
        f"HTTP {response.status_code} {problem.code or ''}".rstrip(),
        operation=operation,
        code=problem.code,
        excerpt=problem.message,
    )
    error.retry_after = retry_after
    return error


def parse_retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """Return how long an answer asks to wait (RFC 9110 10.2.3, in seconds or until a date), if it does.

    A date is compared with the answer's own ``Date``, so that clocks need not agree. More than a day is not
    believed.
    """
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=int(text[:9])), LONGEST_PAUSE)
    until = _http_date(text)
    if until is None:
        return None
    now = _http_date(headers.get("Date", "")) or datetime.now(UTC)
    return min(max(until - now, timedelta()), LONGEST_PAUSE)


@dataclass(frozen=True)
class _Problem:
    code: str | None
    message: str


def _kind(status: int, retry_after: timedelta | None) -> type[ClientError]:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != BANDWIDTH_EXCEEDED:
        return ServerError if retry_after is None else Throttled
    return _BY_STATUS.get(status, Rejected)


def _read(response: httpx2.Response) -> _Problem:
    """Read ``{error: {code, message}}`` (Graph), ``{error, …}`` (OAuth) or ``{errorMessage}`` (Unblu)."""
    try:
        body = response.json()
    except (ValueError, RecursionError):
        return _Problem(None, response.text)
    if not isinstance(body, dict):
        return _Problem(None, response.text)
    error = body.get("error")
    if isinstance(error, dict):
        return _Problem(_code(error.get("code")), _text(error.get("message")) or "")
    if error is not None:
        return _Problem(_code(error), _text(body.get("error_description")) or "")
    return _Problem(_code(body.get("statusDescription")), _text(body.get("errorMessage")) or "")


def _code(value: Any) -> str | None:
    text = _text(value)
    return redact(text)[:CODE_LENGTH] if text else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)

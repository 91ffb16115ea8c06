"""Spans around the calls to other services, for whoever collects traces.

This is OpenTelemetry's API alone: it does nothing until a process sets up the SDK. Attributes come from small
fixed sets or are ids of tenants and notifications; never URLs, subjects, mailboxes or texts of errors.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from opentelemetry.trace import Span, SpanKind, StatusCode, get_tracer

from outlook_addin_core.clients.correlation import correlation

CORRELATION: Final = "outlook_addin.correlation_id"

tracer: Final = get_tracer("outlook-addin")


@contextmanager
def calling(operation: str, method: str, host: str) -> Iterator[Span]:
    """Carry a span around one request; whoever gets the answer notes it with ``answered``."""
    attributes = {"http.request.method": method, "server.address": host, CORRELATION: correlation.get()}
    with tracer.start_as_current_span(
        operation,
        kind=SpanKind.CLIENT,
        attributes=attributes,
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        yield span


def answered(span: Span, status: int) -> None:
    """Note the answer; by OpenTelemetry's convention everything from 400 is an error of the client's span."""
    span.set_attribute("http.response.status_code", status)
    if status >= 400:  # noqa: PLR2004 - the boundary between success and failure in HTTP
        failed(span, str(status))


def failed(span: Span, kind: str) -> None:
    """Note that it did not work out; ``kind`` is one of few words."""
    span.set_attribute("error.type", kind)
    span.set_status(StatusCode.ERROR)

"""Traces from a notification to the calls that it caused, if OTEL_EXPORTER_OTLP_ENDPOINT says where to.

What OpenTelemetry's own variables say counts, e.g. OTEL_TRACES_SAMPLER and OTEL_SERVICE_NAME
(opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables). Without an endpoint the SDK is not
even imported.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanKind, get_current_span, set_span_in_context
from opentelemetry.trace import set_tracer_provider as set_provider

from outlook_addin_core.clients.tracing import CORRELATION, failed, tracer
from outlook_addin_web.settings import SettingsError
from outlook_addin_web.tasks import Task

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_NOWHERE: Final = Context()
_TENANT: Final = "outlook_addin.tenant_id"
_TASK: Final = "outlook_addin.task"


def start(environ: Mapping[str, str]) -> Callable[[], None]:
    """Send traces from now on, if it is wanted; returns what ends that and sends the last ones.

    Raises:
        SettingsError: It is wanted, but the SDK is not installed.
    """
    wanted = next((name for name in ENDPOINTS if environ.get(name)), None)
    if wanted is None:
        return lambda: None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError as error:
        raise SettingsError(f"{wanted} is set; install the extra 'tracing', or unset it.") from error
    provider = TracerProvider(resource=_resource(environ))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    set_provider(provider)
    return provider.shutdown


def noted(task: Task) -> Task:
    """Begin a trace with the notification that a task comes from; the task carries it through the queue."""
    span = tracer.start_span("notification", _NOWHERE, SpanKind.CONSUMER)
    if not span.is_recording():
        return task
    span.set_attribute(_TENANT, task.mailbox.tenant_id)
    span.set_attribute(_TASK, task.kind.value)
    span.set_attribute(CORRELATION, task.correlation)
    span.end()
    return replace(task, trace=span.get_span_context())


@contextmanager
def working(task: Task) -> Iterator[None]:
    """Carry a span around the work on a task, in the trace of the notification that led to it."""
    context = set_span_in_context(NonRecordingSpan(task.trace), Context()) if task.trace else Context()
    attributes = {
        _TENANT: task.mailbox.tenant_id,
        _TASK: task.kind.value,
        "outlook_addin.tries": task.tries,
        CORRELATION: task.correlation,
    }
    with tracer.start_as_current_span(
        "task", context, attributes=attributes, record_exception=False, set_status_on_exception=False
    ):
        yield


def work_failed(error: Exception) -> None:
    """Note that the task that is worked on has failed; the error's text may hold what somebody typed."""
    failed(get_current_span(), type(error).__name__)


def _resource(environ: Mapping[str, str]) -> "Resource":
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - as above

    known = {
        "service.name": environ.get("OTEL_SERVICE_NAME") or "outlook-addin-web",
        "k8s.namespace.name": environ.get("POD_NAMESPACE"),
        "k8s.pod.name": environ.get("POD_NAME"),
    }
    return Resource.create({name: value for name, value in known.items() if value})

"""What the server counts. All labels come from small fixed sets: none names a mailbox, a person or a URL."""

from math import nan

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

PREFIX = "outlook_addin"
LAG_BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)
SWEEP_BUCKETS = (1, 5, 15, 60, 300, 900, 3600, 14400)


class Metrics:
    """The counters and gauges of synchronisation in one registry; without it there is nothing to count.

    Args:
        registry: Where they are registered; tests bring one each.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.handshakes = Counter(
            f"{PREFIX}_handshakes", "Endpoint validations answered", ["outcome"], registry=registry
        )
        self.notifications = Counter(
            f"{PREFIX}_notifications",
            "Items of Graph deliveries by what became of them",
            ["kind", "outcome"],
            registry=registry,
        )
        self.deliveries = Counter(
            f"{PREFIX}_deliveries",
            "Deliveries by the status they were answered with",
            ["status"],
            registry=registry,
        )
        self.decisions = Counter(
            f"{PREFIX}_decisions", "Decisions about conversations", ["action", "reason"], registry=registry
        )
        self.tasks = Counter(
            f"{PREFIX}_tasks", "Tasks by how they ended", ["kind", "outcome"], registry=registry
        )
        self.parked = Counter(
            f"{PREFIX}_parked_tasks",
            "Tasks that were tried too often and left to the next sweep",
            ["kind", "reason"],
            registry=registry,
        )
        self.parked_now = Gauge(
            f"{PREFIX}_parked", "Tasks that wait for the next sweep at the moment", registry=registry
        )
        self.failures = Counter(
            f"{PREFIX}_backoffs",
            "Failures by who is left alone for a while",
            ["scope", "reason"],
            registry=registry,
        )
        self.applied = Counter(f"{PREFIX}_applied", "Changes made in Unblu", ["change"], registry=registry)
        self.lag = Histogram(
            f"{PREFIX}_lag_seconds",
            "From a notification to the moment when its event and conversation agree",
            buckets=LAG_BUCKETS,
            registry=registry,
        )
        self._add_sweep(registry)
        self.queued = Gauge(f"{PREFIX}_queued_tasks", "Tasks that wait to be done", registry=registry)
        self.may_delete = Gauge(
            f"{PREFIX}_unblu_role_sufficient",
            "1 if the sync identity has the Unblu role ADMIN; NaN while this replica has not asked",
            registry=registry,
        )
        self.may_delete.set(nan)
        self.requests = Counter(
            f"{PREFIX}_client_requests",
            "Calls to other services",
            ["operation", "outcome"],
            registry=registry,
        )
        self.mailbox_requests = Counter(
            f"{PREFIX}_mailbox_requests", "Calls of api/mailbox by outcome", ["outcome"], registry=registry
        )

    def _add_sweep(self, registry: CollectorRegistry) -> None:
        self.findings = Counter(
            f"{PREFIX}_sweep_findings", "What sweeps found worth a closer look", ["kind"], registry=registry
        )
        self.repairs = Counter(
            f"{PREFIX}_repairs",
            "Changes that nobody had notified, made because a sweep found them",
            ["kind"],
            registry=registry,
        )
        self.sweeps = Counter(f"{PREFIX}_sweeps", "Sweeps by how they ended", ["outcome"], registry=registry)
        self.sweep_seconds = Histogram(
            f"{PREFIX}_sweep_seconds",
            "How long a sweep of all mailboxes takes",
            buckets=SWEEP_BUCKETS,
            registry=registry,
        )
        self.last_sweep = Gauge(
            f"{PREFIX}_last_sweep_timestamp_seconds",
            "When this replica last completed a sweep; 0 if it never did",
            registry=registry,
        )
        self.leading = Gauge(
            f"{PREFIX}_sweeper", "1 while this replica is the one that sweeps", registry=registry
        )

    def observe_request(self, operation: str, outcome: str) -> None:
        """Count one call to another service; fits the clients' observer."""
        self.requests.labels(operation, outcome).inc()


def metrics_app(registry: CollectorRegistry) -> web.Application:
    """Return the application of the metrics port: ``/metrics`` and nothing else."""

    async def show(_: web.Request) -> web.Response:
        body = generate_latest(registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    app = web.Application()
    app.router.add_get("/metrics", show)
    return app

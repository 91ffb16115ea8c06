"""What the server counts. All labels come from small fixed sets: none names a mailbox, a person or a URL."""

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

PREFIX = "outlook_addin"


class Metrics:
    """The server's counters and gauges in one registry.

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
        self.queued = Gauge(f"{PREFIX}_queued_tasks", "Tasks that wait to be done", registry=registry)
        self.may_delete = Gauge(
            f"{PREFIX}_unblu_role_sufficient",
            "1 if the sync identity has the Unblu role ADMIN",
            registry=registry,
        )
        self.requests = Counter(
            f"{PREFIX}_client_requests",
            "Calls to other services",
            ["operation", "outcome"],
            registry=registry,
        )
        self.mailbox_requests = Counter(
            f"{PREFIX}_mailbox_requests", "Calls of api/mailbox by outcome", ["outcome"], registry=registry
        )

    def observe_request(self, operation: str, outcome: str) -> None:
        """Count one call to another service; fits the clients' observer."""
        self.requests.labels(operation, outcome).inc()


def metrics_app(metrics: Metrics) -> web.Application:
    """Return the application of the metrics port: ``/metrics`` and nothing else."""

    async def show(_: web.Request) -> web.Response:
        body = generate_latest(metrics.registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    app = web.Application()
    app.router.add_get("/metrics", show)
    return app

"""A small, bounded set of metrics, served on a port of their own."""

from datetime import datetime
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from outlook_addin_operator.inventory import Overview

REASONS: Final = frozenset(
    {
        "AccessDenied",
        "AddinNotFound",
        "CABundleNotFound",
        "CertificateInvalid",
        "ClaimedElsewhere",
        "CredentialsRefused",
        "Duplicate",
        "GraphError",
        "GraphUnreachable",
        "InvalidAddin",
        "InvalidCABundle",
        "MailboxNotFound",
        "NotificationUrlRefused",
        "RequestRejected",
        "SecretKeyMissing",
        "SecretNotFound",
        "Subscribed",
        "Suspended",
        "SyncDisabled",
        "TenantNotAllowed",
        "Throttled",
        "TokenRejected",
        "Unknown",
        "WaitingForWebServer",
    }
)
"""What may be said about a CalendarSubscription: the bound of the label ``reason``."""


class Metrics:
    """What the operator counts. Labels never name an object, a person or a tenant."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self.subscriptions = Gauge(
            "outlook_addin_subscriptions",
            "CalendarSubscriptions by the reason of Ready, or of RenewalOverdue while a renewal fails.",
            ["reason"],
            registry=registry,
        )
        self.renewals = Counter(
            "outlook_addin_renewals",
            "Attempts to create or renew a Graph subscription by their outcome.",
            ["outcome"],
            registry=registry,
        )
        self.graph_requests = Counter(
            "outlook_addin_graph_requests",
            "Requests to Microsoft Graph and Entra.",
            ["operation", "code"],
            registry=registry,
        )
        self.earliest_expiration = Gauge(
            "outlook_addin_earliest_expiration_timestamp_seconds",
            "When the first of the Graph subscriptions ends that should go on; 0 if there is none.",
            registry=registry,
        )
        self.earliest_renewal = Gauge(
            "outlook_addin_earliest_renewal_timestamp_seconds",
            "When the first of the Graph subscriptions is due for renewal; 0 if there is none.",
            registry=registry,
        )
        self.expired = Gauge(
            "outlook_addin_expired_subscriptions",
            "CalendarSubscriptions that had a Graph subscription, should have one, and have none.",
            registry=registry,
        )
        self.failing_addins = Gauge(
            "outlook_addin_failing_addins",
            "OutlookAddins that are stalled or not ready, or whose credentials are missing or refused.",
            registry=registry,
        )
        self.reconcile_seconds = Histogram(
            "outlook_addin_reconcile_duration_seconds",
            "How long one look at one object took.",
            ["kind"],
            registry=registry,
        )
        self.queue_depth = Gauge(
            "outlook_addin_queue_depth", "Objects that are due and wait for a worker.", registry=registry
        )

        self.leader = Gauge(
            "outlook_addin_leader", "1 while this operator holds the Lease and works.", registry=registry
        )
        self.watch_lag = Gauge(
            "outlook_addin_watch_age_seconds",
            "For how long the watch has owed a change that is known from elsewhere.",
            registry=registry,
        )
        self.oldest_due = Gauge(
            "outlook_addin_oldest_due_age_seconds",
            "For how long the object that is due longest has been waiting for a worker.",
            registry=registry,
        )
        self.scheduled = Gauge(
            "outlook_addin_scheduled_objects", "Objects with a due time.", registry=registry
        )
        self.credential_expiration = Gauge(
            "outlook_addin_credential_expiration_timestamp_seconds",
            "When the first of the client secrets and certificates ends; 0 if that is not known.",
            registry=registry,
        )
        self.replacement_gap = Histogram(
            "outlook_addin_replacement_gap_seconds",
            "For how long a mailbox had no Graph subscription because it had to be replaced.",
            buckets=(0.1, 0.5, 1, 2, 5, 10, 20, 60),
            registry=registry,
        )
        self.compared = Counter(
            "outlook_addin_graph_comparisons",
            "Comparisons of what Graph has with what should be there, by their outcome.",
            ["outcome"],
            registry=registry,
        )
        for outcome in ("done", "failed", "implausible"):
            self.compared.labels(outcome)  # from 0 on: an alert asks whether one was ever done
        self.orphans = Counter(
            "outlook_addin_graph_orphans_removed",
            "Graph subscriptions of this installation that no CalendarSubscription spoke for.",
            registry=registry,
        )

    def observe_request(self, operation: str, outcome: str) -> None:
        """Count one request to Graph or Entra."""
        self.graph_requests.labels(operation, outcome).inc()

    def observe_reconcile(self, kind: str, seconds: float) -> None:
        """Count one look at one object."""
        self.reconcile_seconds.labels(kind).observe(seconds)

    def show(self, overview: Overview, depth: int) -> None:
        """Take over the present state."""
        counts = dict.fromkeys(REASONS, 0)
        for reason, count in overview.reasons.items():
            known = reason if reason in REASONS else "Unknown"
            counts[known] += count
        for reason, count in counts.items():
            self.subscriptions.labels(reason).set(count)
        self.expired.set(overview.expired)
        self.earliest_expiration.set(_timestamp(overview.earliest_expiration))
        self.earliest_renewal.set(_timestamp(overview.earliest_renewal))
        self.failing_addins.set(overview.failing_addins)
        self.queue_depth.set(depth)

    def show_process(
        self, *, leading: bool, watch_lag: float, oldest_due: float, credentials_end: datetime | None
    ) -> None:
        """Take over what this process knows about itself."""
        self.leader.set(leading)
        self.watch_lag.set(watch_lag)
        self.oldest_due.set(oldest_due)
        self.credential_expiration.set(_timestamp(credentials_end))

    def serve(self, address: str, port: int) -> None:
        """Answer Prometheus from a thread of its own, for as long as the process lives."""
        start_http_server(port, addr=address, registry=self.registry)


def _timestamp(moment: datetime | None) -> float:
    return moment.timestamp() if moment else 0.0

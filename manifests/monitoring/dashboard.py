"""Write dashboard.json beside this file: what the metrics of docs/operations.md look like in Grafana."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from grafana_foundation_sdk.builders.common import ReduceDataOptions, VizLegendOptions, VizTooltipOptions
from grafana_foundation_sdk.builders.dashboard import (
    Dashboard,
    DatasourceVariable,
    Row,
    ThresholdsConfig,
)
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.builders.stat import Panel as StatPanel
from grafana_foundation_sdk.builders.timeseries import Panel as SeriesPanel
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    TooltipDisplayMode,
)
from grafana_foundation_sdk.models.dashboard import DataSourceRef, Threshold, ThresholdsMode

TARGET: Final = Path(__file__).with_name("dashboard.json")
SOURCE: Final = DataSourceRef(type_val="prometheus", uid="${datasource}")
P: Final = "outlook_addin"


@dataclass(frozen=True)
class Figure:
    """One number.

    Args:
        unit: Of Grafana's units.
        steps: From which value on which colour.
    """

    title: str
    expression: str
    unit: str
    steps: tuple[tuple[float, str], ...]
    first: str = "green"


@dataclass(frozen=True)
class Graph:
    """What becomes of some numbers.

    Args:
        unit: Of Grafana's units.
        queries: What is drawn, by its legend.
    """

    title: str
    unit: str
    queries: dict[str, str]
    description: str = ""


def rate(metric: str, label: str) -> dict[str, str]:
    """Draw how often something happens, by one of its labels."""
    return {f"{{{{{label}}}}}": f"sum by ({label}) (rate({P}_{metric}_total[$__rate_interval]))"}


def quantiles(metric: str, *shares: float, by: str = "") -> dict[str, str]:
    """Draw what most are below, from a histogram."""
    labels = f"le, {by}" if by else "le"
    buckets = f"sum by ({labels}) (rate({P}_{metric}_bucket[$__rate_interval]))"
    legend = f" {{{{{by}}}}}" if by else ""
    return {f"p{share * 100:.0f}{legend}": f"histogram_quantile({share}, {buckets})" for share in shares}


BAD_ABOVE_ZERO: Final = ((1.0, "red"),)
HOUR, DAY = 3_600.0, 86_400.0

FIGURES: Final = (
    Figure("Mailboxes followed", f'max({P}_subscriptions{{reason="Subscribed"}})', "none", ()),
    Figure("Mailboxes expired", f"max({P}_expired_subscriptions)", "none", BAD_ABOVE_ZERO),
    Figure(
        "The first ends in",
        f"min({P}_earliest_expiration_timestamp_seconds > 0) - time()",
        "s",
        ((HOUR, "yellow"), (DAY, "green")),
        first="red",
    ),
    Figure(
        "Credentials end in",
        f"min({P}_credential_expiration_timestamp_seconds > 0) - time()",
        "s",
        ((7 * DAY, "yellow"), (30 * DAY, "green")),
        first="red",
    ),
    Figure("Operators at work", f"sum({P}_leader)", "none", ((1, "green"), (2, "red")), first="red"),
    Figure("OutlookAddins failing", f"max({P}_failing_addins)", "none", BAD_ABOVE_ZERO),
    Figure("Changes parked", f"sum({P}_parked)", "none", ((1, "yellow"),)),
    Figure(
        "Since the last sweep",
        f"time() - max({P}_last_sweep_timestamp_seconds > 0)",
        "s",
        ((HOUR, "red"),),
    ),
)

SUBSCRIPTIONS: Final = (
    Graph("Mailboxes by reason", "none", {"{{reason}}": f"max by (reason) ({P}_subscriptions) > 0"}),
    Graph("Attempts to make or renew", "ops", rate("renewals", "outcome")),
    Graph("Requests to Graph and Entra", "reqps", rate("graph_requests", "code")),
    Graph(
        "What is due and waits",
        "none",
        {"due": f"max({P}_queue_depth)", "scheduled": f"max({P}_scheduled_objects)"},
    ),
    Graph(
        "How long it waits",
        "s",
        {"oldest due": f"max({P}_oldest_due_age_seconds)", "watch owes": f"max({P}_watch_age_seconds)"},
    ),
    Graph("One look at one object", "s", quantiles("reconcile_duration_seconds", 0.5, 0.99, by="kind")),
    Graph(
        "Without a subscription, while it was replaced",
        "s",
        quantiles("replacement_gap_seconds", 0.5, 0.99),
    ),
    Graph("Comparisons with Graph", "ops", rate("graph_comparisons", "outcome")),
    Graph(
        "Orphans removed at Graph",
        "none",
        {"removed": f"sum(increase({P}_graph_orphans_removed_total[$__rate_interval]))"},
    ),
)

SYNCHRONISATION: Final = (
    Graph("Notifications", "ops", rate("notifications", "outcome"), "By what became of each item."),
    Graph(
        "Deliveries and handshakes",
        "ops",
        {
            **rate("deliveries", "status"),
            **{f"handshake {key}": value for key, value in rate("handshakes", "outcome").items()},
        },
    ),
    Graph("From notification to agreement", "s", quantiles("lag_seconds", 0.5, 0.95, 0.99)),
    Graph("Decisions", "ops", rate("decisions", "action")),
    Graph("Changes in Unblu", "ops", rate("applied", "change")),
    Graph("Found by sweeps only", "ops", rate("repairs", "kind"), "Each is a notification that was lost."),
    Graph(
        "What waits",
        "none",
        {"queued": f"sum({P}_queued_tasks)", "parked": f"sum({P}_parked)"},
    ),
    Graph(
        "Who is left alone for a while",
        "ops",
        {"{{scope}} {{reason}}": f"sum by (scope, reason) (rate({P}_backoffs_total[$__rate_interval]))"},
    ),
    Graph("Tasks", "ops", rate("tasks", "outcome")),
    Graph("Requests to Graph, Entra and Unblu", "reqps", rate("client_requests", "outcome")),
    Graph("Sweeps", "s", quantiles("sweep_seconds", 0.5, 0.99)),
    Graph("Requests of task panes", "reqps", rate("mailbox_requests", "outcome")),
)


def dashboard() -> Dashboard:
    """Return the dashboard."""
    made = (
        Dashboard("Outlook add-in for Unblu")
        .uid("outlook-addin")
        .tags(["outlook-addin", "unblu"])
        .refresh("1m")
        .time("now-6h", "now")
        .timezone("browser")
        .with_variable(DatasourceVariable("datasource").label("Data source").type("prometheus"))
    )
    for number, panel in enumerate(_panels(), start=1):
        numbered = panel.id(number)
        made = made.with_row(numbered) if isinstance(numbered, Row) else made.with_panel(numbered)
    return made


def _panels() -> Iterator[Row | StatPanel | SeriesPanel]:
    yield Row("At a glance")
    yield from map(_stat, FIGURES)
    for title, graphs in (("Graph subscriptions", SUBSCRIPTIONS), ("Synchronisation", SYNCHRONISATION)):
        yield Row(title)
        yield from map(_series, graphs)


def _stat(figure: Figure) -> StatPanel:
    steps = [Threshold(None, figure.first), *(Threshold(value, color) for value, color in figure.steps)]
    return (
        StatPanel()
        .title(figure.title)
        .datasource(SOURCE)
        .unit(figure.unit)
        .span(3)
        .height(5)
        .color_mode(BigValueColorMode.VALUE)
        .graph_mode(BigValueGraphMode.NONE)
        .reduce_options(ReduceDataOptions().calcs(["lastNotNull"]))
        .no_value("nobody knows")
        .thresholds(ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
        .with_target(Dataquery().ref_id("A").expr(figure.expression).instant())
    )


def _series(graph: Graph) -> SeriesPanel:
    legend = VizLegendOptions().show_legend(True).display_mode(LegendDisplayMode.LIST)
    tooltip = VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING)
    panel = (
        SeriesPanel()
        .title(graph.title)
        .description(graph.description)
        .datasource(SOURCE)
        .unit(graph.unit)
        .min(0)
        .span(8)
        .height(8)
        .fill_opacity(10)
        .legend(legend.placement(LegendPlacement.BOTTOM).calcs([]))
        .tooltip(tooltip)
    )
    for letter, (name, expression) in zip("ABCDEF", graph.queries.items(), strict=False):
        panel = panel.with_target(Dataquery().ref_id(letter).expr(expression).legend_format(name).range())
    return panel


def render() -> str:
    """Return the file's content."""
    return JSONEncoder(sort_keys=True, indent=2).encode(dashboard().build()) + "\n"


if __name__ == "__main__":
    TARGET.write_text(render())

"""Alerts, metrics and runbooks belong together."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from outlook_addin_operator.metrics import REASONS, Metrics
from outlook_addin_web.blame import REASONS as WEB_REASONS
from outlook_addin_web.metrics import Metrics as WebMetrics

ROOT = Path(__file__).resolve().parents[2]
RULES = yaml.safe_load((ROOT / "manifests" / "monitoring" / "prometheusrule.yaml").read_text())
ALERTS: list[dict[str, Any]] = [rule for group in RULES["spec"]["groups"] for rule in group["rules"]]
PAGE = (ROOT / "docs" / "operations.md").read_text()


def exposed() -> set[str]:
    """The names under which Prometheus sees the metrics of the operator and of the web pods."""
    web = CollectorRegistry()
    WebMetrics(web)
    families = [*Metrics().registry.collect(), *web.collect()]
    return {f"{each.name}_total" if each.type == "counter" else each.name for each in families}


def runbooks() -> dict[str, str]:
    section = PAGE.partition("## Alerts")[2].partition("## Security")[0]
    parts = re.split(r"^### (\w+)$", section, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    assert [alert["alert"] for alert in ALERTS] == list(runbooks())
    assert all(text.strip() for text in runbooks().values())


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_is_complete(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in {"critical", "warning"}
    assert alert["for"]
    assert alert["annotations"]["summary"].endswith(".")
    assert alert["annotations"]["runbook_url"] == f"docs/operations.md#{alert['alert'].lower()}"


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_asks_for_metrics_and_reasons_that_exist(alert: dict[str, Any]) -> None:
    expression = alert["expr"]
    asked = set(re.findall(r"outlook_addin_\w+", re.sub(r'"[^"]*"', "", expression)))
    assert {name.removesuffix("_bucket") for name in asked} <= exposed()
    assert asked or "kube_" in expression
    for names in re.findall(r'reason=~?"([^"]+)"', expression):
        assert set(names.split("|")) <= REASONS | WEB_REASONS


def test_what_never_happened_counts_as_zero_so_that_an_alert_can_miss_it() -> None:
    sample = "outlook_addin_graph_comparisons_total"
    for outcome in ("done", "failed"):
        assert Metrics().registry.get_sample_value(sample, {"outcome": outcome}) == 0


def test_every_metric_is_explained_and_nothing_else() -> None:
    table = PAGE.partition("## Metrics")[2].partition("## Alerts")[0]
    named = [
        re.findall(r"`(outlook_addin_\w+)", row) for row in re.findall(r"^\| .*? \|", table, re.MULTILINE)
    ]
    assert {name for names in named for name in names} == exposed()


def test_a_reason_that_waits_for_a_person_is_explained() -> None:
    [alert] = [alert for alert in ALERTS if alert["alert"] == "OutlookAddinPersonNeeded"]
    reasons = set(re.findall(r'=~"([^"]+)"', alert["expr"])[0].split("|"))
    table = re.findall(r"^\| ([A-Z]\w+) \|", runbooks()["OutlookAddinPersonNeeded"], flags=re.MULTILINE)
    assert set(table) == reasons

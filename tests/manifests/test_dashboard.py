"""The dashboard shows metrics that exist, in expressions that Prometheus can read."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

import scripts
from manifests.test_alerts import exposed

MONITORING = Path(__file__).resolve().parents[2] / "manifests" / "monitoring"
DASHBOARD: dict[str, Any] = json.loads((MONITORING / "dashboard.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
EXPRESSIONS = [target["expr"] for panel in PANELS for target in panel["targets"]]


def test_the_file_is_what_its_script_writes() -> None:
    script = scripts.load(MONITORING / "dashboard.py")
    assert (MONITORING / "dashboard.json").read_text() == script.render()


def test_every_metric_is_shown_or_is_a_state_of_one_replica() -> None:
    shown = {
        name.removesuffix("_bucket")
        for text in EXPRESSIONS
        for name in re.findall(r"outlook_addin_\w+", re.sub(r'"[^"]*"', "", text))
    }
    assert shown <= exposed()
    assert exposed() - shown == {
        "outlook_addin_earliest_renewal_timestamp_seconds",
        "outlook_addin_parked_tasks_total",
        "outlook_addin_sweep_findings_total",
        "outlook_addin_sweeper",
        "outlook_addin_sweeps_total",
        "outlook_addin_unblu_role_sufficient",
    }


def test_panels_can_be_told_apart_and_do_not_overlap() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({panel["title"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24


def test_prometheus_can_read_the_expressions(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not on the PATH: it comes with Prometheus; .ci/run takes it from Debian")
    rules = [
        {"record": f"panel:{number}", "expr": text.replace("$__rate_interval", "5m")}
        for number, text in enumerate(EXPRESSIONS)
    ]
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    done = subprocess.run([promtool, "check", "rules", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

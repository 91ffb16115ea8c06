"""Every alert, played through Prometheus' own engine: it fires in the state that it is for, and else not."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

MONITORING = Path(__file__).resolve().parents[2] / "manifests" / "monitoring"
SCENES = sorted((MONITORING / "tests").glob("*.yaml"))
GROUPS = yaml.safe_load((MONITORING / "prometheusrule.yaml").read_text())["spec"]["groups"]
ALERTS = [rule["alert"] for group in GROUPS for rule in group["rules"]]


@pytest.fixture(scope="module")
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not on the PATH: it comes with Prometheus; .ci/run takes it from Debian")
    return found


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    """The scenes, beside the rules in the form that Prometheus reads without its operator."""
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": GROUPS}))
    for path in SCENES:
        shutil.copy(path, tmp_path)
    return tmp_path


def run(folder: Path, *command: str) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def questions() -> list[dict[str, Any]]:
    tests = [test for path in SCENES for test in yaml.safe_load(path.read_text())["tests"]]
    return [question for test in tests for question in test["alert_rule_test"]]


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_is_seen_to_fire_and_to_be_silent(alert: str) -> None:
    seen = {bool(question.get("exp_alerts")) for question in questions() if question["alertname"] == alert}
    assert seen == {True, False}


def test_prometheus_takes_the_rules(promtool: str, scenes: Path) -> None:
    run(scenes, promtool, "check", "rules", "rules.yaml")


@pytest.mark.parametrize("scene", [path.name for path in SCENES])
def test_alerts_fire_in_the_state_that_they_are_for(promtool: str, scenes: Path, scene: str) -> None:
    run(scenes, promtool, "test", "rules", scene)

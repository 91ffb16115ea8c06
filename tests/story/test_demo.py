"""`make demo ONCE=1`: the whole story on a real control plane, in a real browser."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "outlook_addin_sandbox", "demo", "--once"]


@pytest.mark.browser
@pytest.mark.control_plane
@pytest.mark.timeout(400)
def test_the_whole_story_comes_true() -> None:
    played = subprocess.run(COMMAND, cwd=ROOT, capture_output=True, text=True, check=False, timeout=390)

    report = json.loads((ROOT / "build/demo-report.json").read_text())
    failed = [step for step in report["steps"] if not step["ok"]]
    assert failed == [], played.stdout
    assert report["ok"] is True
    assert played.returncode == 0, played.stderr
    assert len(report["steps"]) == 15

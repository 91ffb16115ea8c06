import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))  # the fakes are imported as web.fakes

from outlook_addin_core.domain.config import AddinConfig
from outlook_addin_web import reports, sweeper
from web.fakes import CONFIG, Bench


@pytest.fixture
def config() -> AddinConfig:
    return CONFIG


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits between two looks does not wait long."""
    for name in ("ASK_EVERY", "FULL_PAUSE", "RETRY", "BOOKKEEPING_PAUSE"):
        monkeypatch.setattr(sweeper, name, 0.01)
    monkeypatch.setattr(reports.Reports.__init__, "__kwdefaults__", {"pause": 0.0, "retry": 0.01})

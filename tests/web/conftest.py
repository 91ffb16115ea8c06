import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))  # the fakes are imported as web.fakes

from outlook_addin_core.domain.config import AddinConfig
from web.fakes import CONFIG, Bench


@pytest.fixture
def config() -> AddinConfig:
    return CONFIG


@pytest.fixture
def bench() -> Bench:
    return Bench()

"""Writes down what was tried, whatever became of it."""

from collections.abc import Generator

import pytest

from sync.seasons import LONG_SECONDS, REPORT, TRIED


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        error = call.excinfo.value if call.excinfo else None
        what = [f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())]
        seed = TRIED.seeds[-1] if "storm" in item.name and TRIED.seeds else None
        TRIED.failures.append({"test": item.nodeid, "seed": seed, "what": "\n".join(what)})
    elif report.when == "call" and not hasattr(getattr(item, "obj", None), "hypothesis"):
        TRIED.tests += 1
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if LONG_SECONDS:
        TRIED.write()
        terminalreporter.write_line(f"{TRIED}; written down in {REPORT.name}")

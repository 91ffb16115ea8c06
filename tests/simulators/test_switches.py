"""No switch without a test of the simulator, and none of Graph's without the product behind it."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from outlook_addin_sandbox.entra.app import EntraFaults
from outlook_addin_sandbox.graph import GraphFaults
from outlook_addin_sandbox.serving import Switches
from outlook_addin_sandbox.unblu.faults import UnbluFaults

TESTS = Path(__file__).parents[1]
DELTA = {each.name for each in fields(GraphFaults) if each.name.startswith("delta_")}
"""The web server compares lists and never asks for deltas (docs/decisions/011-one-sweeper.md)."""
WRITES = {"honours_if_match"}
"""The web server never writes to a mailbox, and the pane does it through Outlook."""
FOR_TESTS_AND_DEMOS = {
    "allow_http_localhost",
    "first_timeout",
    "invites",
    "minimum_lifetime",
    "retry_base",
    "retry_limit",
    "retry_timeout",
    "state_window",
    "validate_same_url_twice",
}
"""Times that the product's tests, with a clock of their own, leave as they are in reality; plain http;
mailboxes that know nothing of each other; one URL for two purposes, of which the product has two."""


def mentioned(switch: str, *folders: str) -> bool:
    files = (file for folder in folders for file in (TESTS / folder).glob("*.py") if file != Path(__file__))
    return any(re.search(rf"\b{switch}\b", file.read_text()) for file in files)


@pytest.mark.parametrize("switches", [EntraFaults, GraphFaults, UnbluFaults])
def test_every_switch_is_tested_with_the_simulator_alone(switches: type[Switches]) -> None:
    assert [each.name for each in fields(switches) if not mentioned(each.name, "simulators")] == []


def test_every_switch_of_graph_that_concerns_the_product_is_tested_with_it() -> None:
    unused = {each.name for each in fields(GraphFaults) if not mentioned(each.name, "sync", "operator_")}
    assert unused == DELTA | WRITES | FOR_TESTS_AND_DEMOS


@pytest.mark.parametrize(
    "changes", [{"graph": {"no_such": 1}}, {"graph": {"lose": "many"}}, {"nobody": {}}], ids=str
)
def test_switches_that_do_not_exist_are_refused(world: Any, changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"switch|simulator"):
        world.apply_faults(changes)

from datetime import timedelta

import pytest

from outlook_addin_core.domain.conversations import Marker
from outlook_addin_core.domain.decisions import Policy
from outlook_addin_core.domain.events import Event
from outlook_addin_web.survey import Survey, survey
from outlook_addin_web.tasks import Finding, Kind, Task
from web.fakes import ANNA, GRACE, START, TOMORROW, Bench, uuid

HOUR = timedelta(hours=1)


def policy(*, may_delete: bool = True, drafts: bool = False) -> Policy:
    return Policy(may_delete=may_delete, grace=GRACE, draft_grace=HOUR if drafts else None)


def look(bench: Bench, allowed: Policy | None = None) -> Survey:
    events = [event for (owner, _), event in bench.outlook.events.items() if owner == ANNA]
    return survey(ANNA, events, bench.unblu.conversations.values(), START, allowed or policy())


def findings(found: Survey) -> list[tuple[Finding | None, str, bool]]:
    return [(task.finding, task.subject, task.suspected) for task in found.tasks]


def paired(bench: Bench) -> Event:
    bench.unblu.put(ANNA, 1, marker=Marker("event", START))
    return bench.outlook.put(ANNA, "event")


def test_what_agrees_already_costs_nothing_more(bench: Bench) -> None:
    paired(bench)
    found = look(bench)
    assert (found.tasks, found.open_links, found.needs_repair) == ((), 1, False)


@pytest.mark.parametrize("change", [{"subject": "Mortgage"}, {"start": TOMORROW + HOUR}])
def test_a_lost_change_is_found(bench: Bench, change: dict[str, object]) -> None:
    paired(bench)
    bench.outlook.put(ANNA, "event", **change)
    found = look(bench)
    assert (findings(found), found.needs_repair) == ([(Finding.CHANGE, "event", False)], True)


def test_a_lost_creation_is_found_by_the_missing_marker(bench: Bench) -> None:
    bench.unblu.put(ANNA, 1)
    bench.outlook.put(ANNA, "event")
    assert findings(look(bench)) == [(Finding.CREATION, "event", False)]
    assert findings(look(bench, policy(may_delete=False))) == []


@pytest.mark.parametrize("copy", [{"is_organizer": False}, {"is_cancelled": True}])
def test_a_lost_creation_is_found_behind_a_copy_that_can_never_be_recorded(
    bench: Bench, copy: dict[str, object]
) -> None:
    bench.unblu.put(ANNA, 1)
    bench.outlook.put(ANNA, "copy", **copy)
    bench.outlook.put(ANNA, "event")
    assert findings(look(bench)) == [(Finding.CREATION, "event", False)]


def test_a_copy_of_somebody_elses_event_needs_no_repair(bench: Bench) -> None:
    bench.unblu.put(ANNA, 1)
    bench.outlook.put(ANNA, "copy", is_organizer=False)
    found = look(bench)
    assert (findings(found), found.needs_repair) == ([], False)


def test_a_lost_deletion_is_only_suspected_because_a_list_proves_nothing(bench: Bench) -> None:
    paired(bench)
    bench.outlook.remove(ANNA, "event")
    found = look(bench)
    assert (findings(found), found.needs_repair) == ([(Finding.DELETION, "event", True)], False)


def test_a_lost_cancellation_is_suspected(bench: Bench) -> None:
    paired(bench)
    bench.outlook.put(ANNA, "event", is_cancelled=True)
    assert findings(look(bench)) == [(Finding.DELETION, "event", True)]


def test_a_series_is_looked_at_every_time_because_its_next_occurrence_moves_with_the_clock(
    bench: Bench,
) -> None:
    paired(bench)
    bench.outlook.put(ANNA, "event", type="seriesMaster")
    assert findings(look(bench)) == [(Finding.SERIES, "event", False)]


def test_a_draft_whose_time_is_past_is_looked_at_only_where_drafts_are_ever_deleted(bench: Bench) -> None:
    draft = bench.unblu.put(ANNA, 1, scheduled=START - HOUR)
    assert look(bench).tasks == ()
    (task,) = look(bench, policy(drafts=True)).tasks
    assert (task, task.finding) == (Task(ANNA, Kind.CONVERSATION, draft.id), Finding.DRAFT)


def test_a_draft_that_lies_ahead_is_looked_at_since_its_event_may_be_in_no_list(bench: Bench) -> None:
    draft = bench.unblu.put(ANNA, 1)
    assert findings(look(bench)) == [(Finding.DRAFT, draft.id, False)]


def test_a_link_whose_conversation_is_not_open_is_looked_at_while_the_event_lies_ahead(bench: Bench) -> None:
    bench.outlook.put(ANNA, "ahead")
    bench.outlook.put(ANNA, "over", link=uuid(2), start=START - HOUR)
    bench.outlook.put(ANNA, "of others", link=uuid(3), is_organizer=False)
    assert findings(look(bench)) == [(Finding.LINK, "ahead", False)]


def test_a_copy_of_an_event_is_left_to_the_first_one(bench: Bench) -> None:
    paired(bench)
    bench.outlook.put(ANNA, "copy", start=TOMORROW + HOUR)
    assert look(bench).tasks == ()


def test_conversations_of_other_sources_are_none_of_our_business(bench: Bench) -> None:
    bench.unblu.put(ANNA, 1, source_id="crm:42", marker=Marker("event", START))
    assert look(bench).tasks == ()

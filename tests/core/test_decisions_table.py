"""Every row of the tables in docs/sync.md, decided: the page and the code cannot say different things."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from outlook_addin_core.domain.conversations import Conversation, Marker, Participant
from outlook_addin_core.domain.decisions import Decision, decide
from outlook_addin_core.domain.events import Event, Gone
from outlook_addin_core.domain.links import SourceId
from outlook_addin_core.domain.mailbox import Mailbox
from outlook_addin_core.domain.outcomes import Action, Outcome, Policy, Reason
from outlook_addin_core.domain.series import Series

PAGE = Path(__file__).parents[2] / "docs" / "sync.md"
HEADER = "| event | conversation | what is done | reason | message |"

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)
START = NOW + DAY
GRACE = timedelta(minutes=5)
LINK, OTHER_LINK = UUID(int=7), UUID(int=8)
MAILBOX = Mailbox("84bd8158-6d4d-4958-8b9f-9d6445542f95", "622eaaff-0683-4862-9de4-f2ec83c2bd98")
SOURCE = SourceId("0f0e0d0c-0b0a-4908-8706-050403020100", MAILBOX, LINK)
AGENT = Participant("agent", "ASSIGNED_AGENT", "INVITED")
VISITOR = Participant("visitor", "CONTEXT_PERSON", "ENDED")
POLICY = Policy(may_delete=True, grace=GRACE)
EVENT = Event(id="event", etag="1", subject="Review", start=START, end=START + HOUR, link=LINK)
GONE = Gone("the item does not exist")
CREATED = Conversation(
    id="conversation",
    source_id=str(SOURCE),
    state="CREATED",
    topic="Review",
    scheduled=START,
    assignee="agent",
    participants=(AGENT,),
    marker=Marker("event", NOW - 2 * DAY),
    created=NOW - 60 * DAY,
)
ACTIVE = replace(CREATED, state="ACTIVE")
ENDED = replace(CREATED, state="ENDED")
JOINED = replace(CREATED, participants=(AGENT, VISITOR))
UNMARKED = replace(CREATED, marker=None)
PAST_DRAFT = replace(UNMARKED, scheduled=NOW - 2 * DAY)
TOMORROWS_PUBLIC_LINK = replace(EVENT, id="pasted", link=None)
MASTER = replace(EVENT, type="seriesMaster", start=NOW - 8 * WEEK, end=NOW - 8 * WEEK + HOUR)
OCCURRENCE = replace(EVENT, id="occurrence", type="occurrence", series_master_id="event")
COPY = replace(EVENT, id="copy")
INVITED = replace(EVENT, is_organizer=False)
LATER = replace(OCCURRENCE, id="later", start=START + WEEK, end=START + WEEK + HOUR)
BY_ITSELF = replace(OCCURRENCE, id="by itself", type="exception", link=OTHER_LINK)
SEARCHED: dict[str, Any] = {"carriers": (), "mentions": ()}
SEEN_TWICE = SEARCHED | {"gone_since": NOW - GRACE}
DRAFTS_EXPIRE: dict[str, Any] = {"policy": replace(POLICY, draft_grace=30 * DAY)}


@dataclass(frozen=True)
class Row:
    """One row: what the page says, and facts that it is true of."""

    section: str
    event_is: str
    conversation_is: str
    outcome: Outcome
    event: Event | Gone | None
    conversation: Conversation | None
    more: dict[str, Any] = field(default_factory=dict)
    sets: str = ""

    def decide(self) -> Decision:
        return decide(self.event, self.conversation, NOW, **{"policy": POLICY, **self.more})

    def __str__(self) -> str:
        action, reason = self.outcome.action.value, self.outcome.reason.value
        done = f"`{action}`{self.sets and ': '}{self.sets}"
        return f"| {self.event_is} | {self.conversation_is} | {done} | `{reason}` | {self.outcome.message} |"


def series(*occurrences: Event) -> dict[str, Any]:
    return {"series": Series(occurrences=occurrences)}


def rows() -> Iterator[Row]:
    yield from single_events()
    yield from gone_events()
    yield from drafts()
    yield from all_series()
    yield from links()


def single_events() -> Iterator[Row]:
    def row(*values: Any, **more: Any) -> Row:
        return Row("A single event", *values, **more)

    moved, renamed = replace(EVENT, start=START + HOUR), replace(EVENT, subject="Mortgage")
    yield row("has no link of ours", "none", Outcome.NO_LINK, replace(EVENT, link=None), None)
    yield row("agrees", "CREATED", Outcome.IN_SYNC, EVENT, CREATED)
    yield row("renamed", "CREATED", Outcome.CHANGED, renamed, CREATED, sets="the topic")
    yield row("moved", "CREATED", Outcome.CHANGED, moved, CREATED, sets="the time")
    yield row(
        "renamed or moved", "CREATED, others take part", Outcome.CHANGED, moved, JOINED, sets="topic or time"
    )
    yield row("has lost its subject", "CREATED", Outcome.IN_SYNC, replace(EVENT, subject=" "), CREATED)
    yield row(
        "private or confidential, renamed",
        "CREATED",
        Outcome.IN_SYNC,
        replace(renamed, sensitivity="private"),
        CREATED,
    )
    yield row(
        "private or confidential, moved",
        "CREATED",
        Outcome.CHANGED,
        replace(moved, subject="Secret", sensitivity="confidential"),
        CREATED,
        sets="the time, never the topic",
    )
    yield row(
        "all-day",
        "CREATED",
        Outcome.CHANGED,
        replace(EVENT, start=START + 13 * HOUR, is_all_day=True),
        CREATED,
        sets="the time: midnight where the event was made",
    )
    yield row(
        "lies in the past",
        "CREATED",
        Outcome.STARTED,
        replace(renamed, start=NOW - HOUR, end=NOW),
        replace(CREATED, scheduled=NOW - HOUR),
    )
    yield row(
        "was past, moved to the future",
        "CREATED",
        Outcome.CHANGED,
        EVENT,
        replace(CREATED, scheduled=NOW - DAY),
        sets="the time",
    )
    yield row("moved to another calendar", "CREATED", Outcome.IN_SYNC, EVENT, CREATED, {"carriers": [EVENT]})
    yield row("there, changed or not", "begun (active, queued, …)", Outcome.IN_USE, renamed, ACTIVE)
    yield row("there", "ended", Outcome.ENDED, EVENT, ENDED)
    yield row("there", "none, deleted", Outcome.CONVERSATION_MISSING, EVENT, None)


def gone_events() -> Iterator[Row]:
    def row(*values: Any, **more: Any) -> Row:
        return Row("An event that is gone or cancelled", *values, **more)

    cancelled = replace(EVENT, is_cancelled=True)
    elsewhere = replace(COPY, start=START + HOUR)
    yield row("gone", "CREATED, seen for the first time", Outcome.GRACE_PERIOD, GONE, CREATED, SEARCHED)
    yield row(
        "gone, seen twice, a grace period apart",
        "CREATED, agent alone",
        Outcome.GONE,
        GONE,
        CREATED,
        SEEN_TWICE,
    )
    yield row(
        "cancelled by the agent, seen twice",
        "CREATED, agent alone",
        Outcome.CANCELLED,
        cancelled,
        CREATED,
        SEEN_TWICE,
    )
    yield row(
        "in the deleted items, still shown by Graph, seen twice",
        "CREATED, agent alone",
        Outcome.GONE,
        EVENT,
        CREATED,
        SEEN_TWICE,
    )
    yield row(
        "restored within the grace period",
        "CREATED",
        Outcome.IN_SYNC,
        EVENT,
        CREATED,
        SEEN_TWICE | {"carriers": [EVENT]},
    )
    yield row("restored after it", "deleted", Outcome.CONVERSATION_MISSING, EVENT, None)
    yield row("gone", "begun", Outcome.USED, GONE, ACTIVE, SEEN_TWICE)
    yield row("gone", "CREATED, others take or took part", Outcome.NOT_ALONE, GONE, JOINED, SEEN_TWICE)
    yield row("gone", "ended", Outcome.BOTH_OVER, GONE, ENDED, SEEN_TWICE)
    yield row("gone", "none", Outcome.NEITHER, GONE, None)
    yield row(
        "gone, and the sync server is no ADMIN in Unblu",
        "CREATED",
        Outcome.ROLE,
        GONE,
        CREATED,
        SEEN_TWICE | {"policy": replace(POLICY, may_delete=False)},
    )
    yield row(
        "gone, calendars not searched",
        "CREATED",
        Outcome.UNPROVEN,
        GONE,
        CREATED,
        {"gone_since": NOW - GRACE},
    )
    yield row(
        "gone, one other event carries the link",
        "CREATED",
        Outcome.CHANGED,
        GONE,
        CREATED,
        SEEN_TWICE | {"carriers": [elsewhere]},
        sets="topic or time of the event that has taken its place",
    )
    yield row(
        "gone, several others carry the link",
        "CREATED",
        Outcome.AMBIGUOUS,
        GONE,
        CREATED,
        SEEN_TWICE | {"carriers": [COPY, replace(COPY, id="another")]},
    )
    yield row(
        "gone, a copy that others organise carries the link",
        "CREATED",
        Outcome.COPY_LEFT,
        GONE,
        CREATED,
        SEEN_TWICE | {"carriers": [replace(COPY, is_organizer=False)]},
    )
    yield row(
        "gone, the body or location of another event of that day leads to the conversation",
        "CREATED",
        Outcome.LINK_IN_BODY,
        GONE,
        CREATED,
        SEEN_TWICE | {"mentions": [replace(TOMORROWS_PUBLIC_LINK, start=START + HOUR)]},
    )


def drafts() -> Iterator[Row]:
    def row(*values: Any, **more: Any) -> Row:
        return Row("An event that was never seen saved", *values, **more)

    yield row("never seen", "CREATED", Outcome.NEVER_SAVED, None, UNMARKED, SEARCHED)
    yield row("never seen", "ended", Outcome.BOTH_OVER, None, replace(UNMARKED, state="ENDED"), SEARCHED)
    yield row(
        "never seen, `draftGracePeriod` set",
        "CREATED, too young, or its time less than 24 hours past",
        Outcome.NEVER_SAVED,
        None,
        UNMARKED,
        SEEN_TWICE | DRAFTS_EXPIRE,
    )
    yield row(
        "never seen, `draftGracePeriod` set, nothing leads to the conversation, seen twice",
        "CREATED, agent alone, old enough, its time 24 hours past",
        Outcome.DRAFT_EXPIRED,
        None,
        PAST_DRAFT,
        SEEN_TWICE | DRAFTS_EXPIRE,
    )
    yield row(
        "seen for the first time",
        "CREATED",
        Outcome.IN_SYNC,
        None,
        UNMARKED,
        SEARCHED | {"carriers": [EVENT]},
    )
    yield row(
        "has only the invitation in its body, at the conversation's time",
        "CREATED",
        Outcome.IN_SYNC,
        None,
        UNMARKED,
        SEARCHED | {"mentions": [TOMORROWS_PUBLIC_LINK]},
    )


def all_series() -> Iterator[Row]:
    def row(*values: Any, **more: Any) -> Row:
        return Row("A series", *values, **more)

    yield row(
        "its next occurrence agrees", "CREATED", Outcome.IN_SYNC, MASTER, CREATED, series(OCCURRENCE, LATER)
    )
    yield row(
        "an occurrence is over, cancelled or moved",
        "CREATED",
        Outcome.CHANGED,
        MASTER,
        CREATED,
        series(LATER),
        sets="the time of the next one",
    )
    yield row(
        "renamed",
        "CREATED",
        Outcome.CHANGED,
        replace(MASTER, subject="Mortgage"),
        CREATED,
        series(OCCURRENCE),
        sets="the topic of the series",
    )
    yield row(
        "an occurrence is going on",
        "CREATED",
        Outcome.STARTED,
        MASTER,
        replace(CREATED, scheduled=NOW - HOUR / 2),
        series(replace(OCCURRENCE, start=NOW - HOUR / 2, end=NOW + HOUR / 2), LATER),
    )
    yield row("at the occurrence it began with", "begun", Outcome.IN_USE, MASTER, ACTIVE, series(OCCURRENCE))
    yield row("further on", "begun", Outcome.SERIES_STARTED, MASTER, ACTIVE, series(LATER))
    yield row("over", "begun", Outcome.IN_USE, MASTER, ACTIVE, series())
    yield row(
        "its last occurrence is over",
        "CREATED, in the past",
        Outcome.SERIES_OVER,
        MASTER,
        replace(CREATED, scheduled=NOW - DAY),
        series(),
    )
    yield row(
        "shortened or emptied until none is left",
        "CREATED, ahead",
        Outcome.NO_OCCURRENCE,
        MASTER,
        CREATED,
        series(),
    )
    yield row("its occurrences could not be read", "CREATED", Outcome.SERIES_UNREAD, MASTER, CREATED)
    yield row("gone, seen twice", "CREATED, agent alone", Outcome.GONE, GONE, CREATED, SEEN_TWICE)
    yield row("one of its occurrences", "that of the series", Outcome.PART_OF_SERIES, OCCURRENCE, CREATED)
    own = replace(CREATED, marker=Marker("by itself", NOW, "event"))
    moved = replace(BY_ITSELF, link=LINK, start=START + HOUR)
    yield row(
        "an occurrence that was scheduled by itself, moved",
        "its own, CREATED",
        Outcome.CHANGED,
        moved,
        own,
        SEARCHED,
        sets="the time",
    )
    yield row(
        "an occurrence that was scheduled by itself, gone, seen twice",
        "its own, CREATED, agent alone",
        Outcome.GONE,
        GONE,
        own,
        SEEN_TWICE,
    )


def links() -> Iterator[Row]:
    def row(*values: Any, **more: Any) -> Row:
        return Row("Copies, and links that were lost", *values, **more)

    yield row("a copy with the same link", "belongs to the first event", Outcome.COPY, COPY, CREATED)
    yield row(
        "a copy with the same link, cancelled or in the deleted items",
        "belongs to the first event",
        Outcome.COPY,
        replace(COPY, is_cancelled=True),
        CREATED,
        SEEN_TWICE,
    )
    yield row(
        "the first event, its properties lost, moved",
        "CREATED",
        Outcome.CHANGED,
        replace(EVENT, link=None, start=START + HOUR),
        CREATED,
        SEEN_TWICE,
        sets="the time; it is known by its id",
    )
    yield row(
        "the first event, its properties lost",
        "CREATED",
        Outcome.IN_SYNC,
        replace(EVENT, link=None),
        CREATED,
        SEEN_TWICE,
    )
    yield row(
        "scheduled again: carries another link",
        "the former one",
        Outcome.LINKED_ELSEWHERE,
        replace(EVENT, link=OTHER_LINK),
        CREATED,
        SEEN_TWICE,
    )
    yield row(
        "scheduled again, then cancelled",
        "the former one",
        Outcome.LINKED_ELSEWHERE,
        replace(EVENT, link=OTHER_LINK, is_cancelled=True),
        CREATED,
        SEEN_TWICE,
    )
    yield row(
        "an invitation without link",
        "none",
        Outcome.NO_LINK,
        replace(INVITED, link=None),
        None,
    )
    yield row("an invitation, organised by others", "none", Outcome.FOREIGN_EVENT, INVITED, None)
    yield row(
        "an invitation, organised by others, changed or cancelled",
        "any",
        Outcome.ATTENDEE_COPY,
        replace(INVITED, is_cancelled=True, subject="Canceled: Review"),
        CREATED,
        SEEN_TWICE,
    )


ROWS = list(rows())


@pytest.mark.parametrize(
    "row", ROWS, ids=lambda row: f"{row.section}: {row.event_is} / {row.conversation_is}"
)
def test_every_row_of_the_tables_is_decided_as_it_says(row: Row) -> None:
    decision = row.decide()
    outcome = row.outcome
    assert (decision.action, decision.reason, decision.message) == (
        outcome.action,
        outcome.reason,
        outcome.message,
    )
    assert (decision.topic is not None or decision.scheduled is not None) == bool(row.sets)
    if "topic" not in row.sets or "never" in row.sets:
        assert decision.topic is None


def test_every_outcome_has_a_row() -> None:
    assert {row.outcome for row in ROWS} == set(Outcome)
    assert {outcome.reason for outcome in Outcome} == set(Reason)
    assert {outcome.action for outcome in Outcome} == set(Action)


def test_every_outcome_is_told_apart_by_what_a_person_reads() -> None:
    messages = [outcome.message for outcome in Outcome]
    assert len(set(messages)) == len(messages) == len({outcome.value for outcome in Outcome})


@pytest.mark.parametrize("section", list(dict.fromkeys(row.section for row in ROWS)))
def test_the_page_shows_exactly_these_rows(section: str) -> None:
    wanted = [str(row) for row in ROWS if row.section == section]
    assert shown(section) == wanted, "\n".join(["write into docs/sync.md:", *wanted])


def test_the_page_explains_every_action_and_every_reason() -> None:
    explained = {line.split("`")[1] for line in PAGE.read_text().splitlines() if line.startswith("- `")}
    assert explained >= {action.value for action in Action} | {reason.value for reason in Reason}


def shown(section: str) -> list[str]:
    """Return the rows of the table under a heading of the page."""
    lines = PAGE.read_text().splitlines()
    below = lines[lines.index(f"### {section}") :]
    table = below[below.index(HEADER) + 2 :]
    return next(list(group) for is_row, group in groupby(table, lambda line: line.startswith("|")) if is_row)

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlook_addin_core.domain.conversations import Conversation, Marker, Participant, to_milliseconds
from outlook_addin_core.domain.events import Event

AGENT = {"personId": "agent", "participationType": "ASSIGNED_AGENT", "state": "CREATED"}
VISITOR = {"personId": "visitor", "participationType": "CONTEXT_PERSON", "state": "ENDED"}
BOT = {"personId": "bot", "hidden": True}
SEEN = datetime(2026, 11, 22, 10, 0, 0, tzinfo=UTC)


def unblu_conversation(**changes: Any) -> Conversation:
    json = {
        "$_type": "ConversationData",
        "id": "conversation",
        "sourceId": "outlook:a:b:c:d",
        "state": "CREATED",
        "topic": "Review",
        "scheduledTimestamp": 1_551_398_400_000,
        "participants": [AGENT],
        "externalParticipants": [],
        "botParticipants": [BOT],
        "metadata": {"$_version": "d41d8", "foo": "bar", **Marker("AAMk=", SEEN).encode()},
    }
    return Conversation.from_unblu(json | changes)


def test_a_conversation_is_read_with_its_marker() -> None:
    conversation = unblu_conversation()
    assert conversation.scheduled == datetime(2019, 3, 1, tzinfo=UTC)
    assert conversation.assignee == "agent"
    assert conversation.participants == (Participant("agent", "ASSIGNED_AGENT", "CREATED"),)
    assert conversation.marker == Marker("AAMk=", SEEN)
    assert conversation.metadata_version == "d41d8"
    assert conversation.is_agent_alone


@pytest.mark.parametrize("kind", ["participants", "externalParticipants"])
def test_whoever_was_ever_there_counts(kind: str) -> None:
    people = {"participants": [AGENT], "externalParticipants": []}
    people[kind] = [*people[kind], VISITOR]
    assert not unblu_conversation(**people).is_agent_alone


def test_a_conversation_without_people_has_no_agent_alone_in_it() -> None:
    assert not unblu_conversation(participants=None).is_agent_alone
    assert not unblu_conversation(participants=[VISITOR]).is_agent_alone


def test_the_present_agent_is_the_assignee_and_not_the_one_before() -> None:
    former = AGENT | {"personId": "former", "state": "ENDED"}
    assert unblu_conversation(participants=[former, AGENT]).assignee == "agent"


def test_a_conversation_knows_when_it_was_made_and_where_its_invitation_leads() -> None:
    links = [
        {"$_type": "ConversationLink", "type": "OPEN", "url": "https://unblu.example/open"},
        {"$_type": "ConversationLink", "type": "OPEN_PUBLIC_LINK", "url": "https://unblu.example/public"},
    ]
    conversation = unblu_conversation(links=links, creationTimestamp=1_551_398_400_000)
    assert conversation.public_link == "https://unblu.example/public"
    assert conversation.created == datetime(2019, 3, 1, tzinfo=UTC)
    assert unblu_conversation().public_link is None
    assert "public" not in repr(conversation)


def test_only_a_conversation_of_ours_has_a_link() -> None:
    uuid = "00000000-0000-4000-8000-000000000007"
    assert str(unblu_conversation(sourceId=f"outlook:{uuid}:{uuid}:{uuid}:{uuid}").link) == uuid
    assert unblu_conversation().link is None
    assert unblu_conversation(sourceId=None).link is None


def test_what_was_not_expanded_or_is_null_is_empty() -> None:
    conversation = unblu_conversation(metadata=None, topic=None, scheduledTimestamp=None, sourceId=None)
    assert (conversation.topic, conversation.scheduled, conversation.marker) == ("", None, None)


@pytest.mark.parametrize("key", ["id", "state"])
def test_a_conversation_without_id_or_state_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="no id or no state"):
        unblu_conversation(**{key: None})


@pytest.mark.parametrize(
    ("state", "over"), [("CREATED", False), ("ACTIVE", False), ("OFFBOARDING", True), ("ENDED", True)]
)
def test_an_ended_conversation_is_over(state: str, over: bool) -> None:  # noqa: FBT001
    assert unblu_conversation(state=state).is_over == over


@given(st.text(min_size=1), st.datetimes(min_value=datetime(1970, 1, 2), timezones=st.just(UTC)))  # noqa: DTZ001
def test_a_marker_survives_being_written_and_read(event_id: str, seen: datetime) -> None:
    marker = Marker(event_id, seen.replace(microsecond=0))
    assert Marker.decode(Marker(event_id, seen).encode()) == marker


def test_the_marker_of_an_occurrence_names_its_series() -> None:
    event = Event(id="exception", etag="1", type="exception", series_master_id="series")
    marker = Marker.of(event, SEEN)
    assert marker == Marker("exception", SEEN, "series")
    assert Marker.decode(marker.encode()) == marker
    assert Marker.of(Event(id="single", etag="1"), SEEN) == Marker("single", SEEN)


@pytest.mark.parametrize("first_seen", ["", "yesterday", "2026-11-22T10:00:00"])
def test_a_marker_that_cannot_be_read_is_none(first_seen: str) -> None:
    metadata = {"outlook-addin.event-id": "x", "outlook-addin.first-seen": first_seen}
    assert Marker.decode(metadata) is None
    assert Marker.decode({"outlook-addin.first-seen": "2026-11-22T10:00:00Z"}) is None


@given(st.integers(0, 4_102_444_800_000))
def test_times_are_milliseconds_there_and_back(milliseconds: int) -> None:
    scheduled = unblu_conversation(scheduledTimestamp=milliseconds).scheduled
    assert scheduled is not None
    assert to_milliseconds(scheduled) == milliseconds


@pytest.mark.parametrize("milliseconds", [-1, 253_402_300_800_000.0, 10**30])
def test_a_time_that_no_calendar_holds_counts_as_none(milliseconds: float) -> None:
    assert unblu_conversation(scheduledTimestamp=milliseconds).scheduled is None

"""Since when an event has been seen gone, and how much of that is remembered."""

from dataclasses import replace
from datetime import timedelta

from outlook_addin_core.domain.conversations import Conversation
from outlook_addin_web.sightings import PUNCTUAL, Sightings
from web.fakes import GRACE, START, FakeClock

CONVERSATION = Conversation(id="conversation", source_id=None, state="CREATED", topic="Review")


def test_what_was_never_seen_gone_is_not_known_to_be() -> None:
    assert Sightings(GRACE, FakeClock()).since(CONVERSATION) is None


def test_a_first_sight_counts_until_it_is_too_old() -> None:
    clock = FakeClock()
    sightings = Sightings(GRACE, clock)
    sightings.remember(CONVERSATION, START)
    clock.advance(2 * GRACE + PUNCTUAL)
    assert sightings.since(CONVERSATION) == START
    clock.advance(timedelta(seconds=1))
    assert sightings.since(CONVERSATION) is None


def test_a_conversation_that_was_changed_meanwhile_was_wanted_by_an_event() -> None:
    sightings = Sightings(GRACE, FakeClock())
    sightings.remember(CONVERSATION, START)
    assert sightings.since(replace(CONVERSATION, topic="Renamed")) is None
    assert sightings.since(replace(CONVERSATION, metadata_version="2")) == START


def test_first_sights_that_nobody_comes_back_to_are_forgotten() -> None:
    clock = FakeClock()
    sightings = Sightings(GRACE, clock)
    for number in range(1_000):
        sightings.remember(replace(CONVERSATION, id=str(number)), clock.now())
        clock.advance(timedelta(seconds=60))
    assert len(sightings) <= (2 * GRACE + PUNCTUAL) / timedelta(seconds=60) + 1

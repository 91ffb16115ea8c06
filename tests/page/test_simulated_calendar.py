from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from outlook_addin_sandbox.graph.events import Recurrence
from outlook_addin_sandbox.graph.mailbox import Change, ChangeKind, Mailbox
from outlook_addin_sandbox.outlook import EventFields, EventNotFoundError
from outlook_addin_sandbox.outlook.simulated_calendar import SimulatedCalendar

ADDIN = "6F1C1F4E-2B5C-4C3C-9A57-0D3B0F3F5A11"
NOW = datetime(2026, 11, 25, 10, 20, tzinfo=ZoneInfo("Europe/Zurich"))
FIELDS = EventFields(
    subject="Review",
    start=NOW,
    end=NOW + timedelta(hours=1),
    time_zone="Europe/Zurich",
    body="<p>Hi</p>",
    location="Room 1",
    attendees=["k@client.example"],
    sensitivity="private",
)


class Diary:
    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.mailbox = Mailbox("anna-id", "tenant-id", "anna@bank.example", lambda: NOW, self.changes.append)
        self.calendar = SimulatedCalendar(self.mailbox, lambda: NOW)

    def kinds(self) -> list[ChangeKind]:
        return [change.kind for change in self.changes]


@pytest.fixture
def diary() -> Diary:
    return Diary()


async def test_an_event_is_kept_as_it_was_typed(diary: Diary) -> None:
    event_id = await diary.calendar.create(FIELDS)
    (event,) = await diary.calendar.events(ADDIN)
    assert event.id == event_id
    assert (event.subject, event.location, event.body) == ("Review", "Room 1", "<p>Hi</p>")
    assert (event.attendees, event.sensitivity) == (("k@client.example",), "private")
    assert (event.start, event.time_zone) == (NOW, "Europe/Zurich")
    assert diary.kinds() == [ChangeKind.CREATED]


async def test_an_update_leaves_other_fields_alone(diary: Diary) -> None:
    event_id = await diary.calendar.create(FIELDS)
    await diary.calendar.update(event_id, EventFields(subject="Pension"))
    (event,) = await diary.calendar.events(ADDIN)
    assert (event.subject, event.location) == ("Pension", "Room 1")


async def test_every_add_in_sees_its_own_properties_only(diary: Diary) -> None:
    event_id = await diary.calendar.create(FIELDS)
    await diary.calendar.set_custom_properties(event_id, ADDIN, {"uuid": "u1"})
    assert (await diary.calendar.events(ADDIN.lower()))[0].custom_properties == {"uuid": "u1"}
    assert (await diary.calendar.events("another"))[0].custom_properties == {}
    assert diary.mailbox.get(event_id).custom_properties == {ADDIN.lower(): '{"uuid": "u1"}'}


async def test_an_event_keeps_its_id_through_deletion_and_restoration(diary: Diary) -> None:
    event_id = await diary.calendar.create(FIELDS)
    await diary.calendar.delete(event_id)
    assert await diary.calendar.events(ADDIN) == []
    await diary.calendar.restore(event_id)
    assert [event.id for event in await diary.calendar.events(ADDIN)] == [event_id]
    assert diary.kinds() == [ChangeKind.CREATED, ChangeKind.DELETED, ChangeKind.CREATED]


async def test_what_is_deleted_for_good_does_not_come_back(diary: Diary) -> None:
    event_id = await diary.calendar.create(FIELDS)
    await diary.calendar.delete(event_id)
    assert [event.id for event in await diary.calendar.deleted()] == [event_id]
    await diary.calendar.purge(event_id)
    assert await diary.calendar.deleted() == []
    with pytest.raises(EventNotFoundError):
        await diary.calendar.restore(event_id)


async def test_only_a_deleted_event_is_deleted_for_good(diary: Diary) -> None:
    event_id = await diary.calendar.create(FIELDS)
    with pytest.raises(EventNotFoundError):
        await diary.calendar.purge(event_id)
    assert [event.id for event in await diary.calendar.events(ADDIN)] == [event_id]


async def test_the_occurrences_of_a_series_are_events_that_name_it(diary: Diary) -> None:
    series_id = await diary.calendar.create({**FIELDS, "recurrence": Recurrence(count=3)})
    *events, series = await diary.calendar.events(ADDIN)
    assert [event.series_id for event in events] == [series_id] * 3
    assert (series.id, series.recurrence, series.start) == (series_id, Recurrence(count=3), NOW)
    await diary.calendar.update(events[1].id, EventFields(subject="Moved up"))
    subjects = [event.subject for event in await diary.calendar.events(ADDIN)]
    assert sorted(subjects) == ["Moved up", "Review", "Review", "Review"]


async def test_a_deleted_occurrence_leaves_its_series_and_a_series_comes_back_whole(diary: Diary) -> None:
    series_id = await diary.calendar.create({**FIELDS, "recurrence": Recurrence(count=3)})
    first, *_ = await diary.calendar.events(ADDIN)
    await diary.calendar.delete(first.id)
    assert len(await diary.calendar.events(ADDIN)) == 2 + 1
    assert await diary.calendar.deleted() == []
    await diary.calendar.delete(series_id)
    assert await diary.calendar.events(ADDIN) == []
    assert [event.id for event in await diary.calendar.deleted()] == [series_id]
    await diary.calendar.restore(series_id)
    assert len(await diary.calendar.events(ADDIN)) == 2 + 1


async def test_a_missing_event_is_said_to_be_missing(diary: Diary) -> None:
    with pytest.raises(EventNotFoundError):
        await diary.calendar.delete("AAkA-never-made")

"""A meeting of one organiser in the calendars of those who are invited."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from outlook_addin_sandbox.graph import Attendee, Mailbox, Recurrence, SimEvent
from outlook_addin_sandbox.testing import GraphClient, Listener
from outlook_addin_sandbox.world import World

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ADDIN = "0f5a3c1e-7d1b-4a27-9c43-6a3a3d6a7f10"


@pytest.fixture
def anna(world: World) -> Mailbox:
    return world.graph.mailbox(world.agents[0].user_id)


@pytest.fixture
def ben(world: World) -> Mailbox:
    return world.graph.mailbox(world.agents[1].user_id)


def invite(organiser: Mailbox, *invited: Mailbox, **fields: Any) -> SimEvent:
    people = tuple(Attendee(each.address) for each in invited)
    return organiser.create_event("Review", NOON, NOON + HOUR, attendees=people, **fields)


def seen(mailbox: Mailbox) -> list[tuple[str, int, bool]]:
    """Return subject, day and cancellation of what takes place in the month."""
    found = mailbox.view(NOON - DAY, NOON + 30 * DAY)
    return [(each.subject, each.start.day, each.is_cancelled) for each in found]


def test_a_meeting_appears_with_who_is_invited_under_an_id_of_its_own(anna: Mailbox, ben: Mailbox) -> None:
    original = invite(anna, ben, body_html="<a>link</a>", custom_properties={ADDIN: "{}"})
    [copied] = ben.events()
    assert (copied.is_organizer, copied.organizer) == (False, anna.address)
    assert copied.ical_uid == original.ical_uid
    assert {copied.id, copied.immutable_id}.isdisjoint({original.id, original.immutable_id})
    assert (copied.body_html, dict(copied.custom_properties)) == ("<a>link</a>", {})


async def test_the_copy_over_http_says_who_organises_and_shares_only_the_icaluid(
    graph: GraphClient, anna: Mailbox, ben: Mailbox
) -> None:
    original = invite(anna, ben)
    _, body = await graph("GET", f"/users/{ben.user_id}/events")
    [copied] = body["value"]
    assert (copied["isOrganizer"], copied["organizer"]["emailAddress"]["address"]) == (False, anna.address)
    assert (copied["iCalUId"], copied["id"] != original.immutable_id) == (original.ical_uid, True)


def test_text_and_properties_of_the_copy_are_switches(world: World, anna: Mailbox, ben: Mailbox) -> None:
    world.apply_faults({"graph": {"copies_body": False, "copies_custom_properties": True}})
    invite(anna, ben, body_html="<a>link</a>", custom_properties={ADDIN: "{}"})
    [copied] = ben.events()
    assert (copied.body_html, dict(copied.custom_properties)) == ("", {ADDIN: "{}"})


def test_without_invitations_every_mailbox_is_on_its_own(world: World, anna: Mailbox, ben: Mailbox) -> None:
    world.apply_faults({"graph": {"invites": False}})
    invite(anna, ben)
    assert ben.events() == []


def test_the_organisers_changes_arrive_and_the_attendees_own_stay_theirs(anna: Mailbox, ben: Mailbox) -> None:
    original = invite(anna, ben)
    [copied] = ben.events()
    ben.update_event(copied.id, subject="Mine", categories=("red",))
    anna.set_custom_properties(original.id, ADDIN, "{}")
    assert (ben.get(copied.immutable_id).subject, anna.get(original.id).subject) == ("Mine", "Review")
    anna.update_event(original.id, start=NOON + DAY, end=NOON + DAY + HOUR)
    changed = ben.get(copied.immutable_id)
    assert (changed.start, changed.subject, changed.categories) == (NOON + DAY, "Review", ("red",))


def test_people_can_be_invited_later_and_be_uninvited(world: World, anna: Mailbox, ben: Mailbox) -> None:
    claire = world.graph.mailbox(world.agents[2].user_id)
    original = invite(anna, ben)
    anna.update_event(original.id, attendees=(Attendee(claire.address),))
    assert (seen(ben), seen(claire)) == ([("Canceled: Review", 1, True)], [("Review", 1, False)])


@pytest.mark.parametrize("how", ["cancel", "delete_event", "purge_event"])
@pytest.mark.parametrize(("stays", "left"), [(True, [("Canceled: Review", 1, True)]), (False, [])])
def test_a_cancelled_meeting_stays_with_the_attendees_by_a_switch(
    world: World, anna: Mailbox, ben: Mailbox, how: str, *, stays: bool, left: list[tuple[str, int, bool]]
) -> None:
    world.apply_faults({"graph": {"cancelled_copy_stays": stays}})
    getattr(anna, how)(invite(anna, ben).immutable_id)
    assert (seen(anna), seen(ben)) == ([], left)


def test_what_an_attendee_deletes_is_deleted_for_nobody_else(anna: Mailbox, ben: Mailbox) -> None:
    original = invite(anna, ben)
    ben.delete_event(ben.events()[0].id)
    assert (seen(anna), seen(ben)) == ([("Review", 1, False)], [])
    anna.update_event(original.id, subject="Come")
    assert seen(ben) == [("Come", 1, False)]


def test_a_move_to_another_calendar_and_a_draft_tell_nobody(anna: Mailbox, ben: Mailbox) -> None:
    original = invite(anna, ben)
    [copied] = ben.events()
    anna.move(original.id, anna.add_calendar("Second").id)
    assert ben.events() == [copied]
    invite(anna, ben, is_draft=True)
    assert ben.events() == [copied]


def test_a_series_is_copied_with_its_cancelled_and_changed_occurrences(anna: Mailbox, ben: Mailbox) -> None:
    invite(anna, ben, recurrence=Recurrence(count=4))
    first, second, third, _ = anna.view(NOON, NOON + 9 * DAY)
    anna.delete_event(first.id)
    changed = anna.update_event(second.id, subject="Other")
    anna.update_event(third.id, start=third.start + HOUR, end=third.end + HOUR)
    assert seen(ben) == [
        ("Canceled: Review", 1, True),
        ("Other", 2, False),
        ("Review", 3, False),
        ("Review", 4, False),
    ]
    assert ben.view(NOON, NOON + 9 * DAY)[2].start == third.start + HOUR
    anna.update_event(changed.id, subject="Another")
    anna.delete_event(anna.view(NOON, NOON + 9 * DAY)[1].id)
    assert [each[:2] for each in seen(ben)][:3] == [
        ("Canceled: Review", 1),
        ("Another", 2),
        ("Canceled: Review", 3),
    ]


async def test_each_subscriber_is_told_of_the_own_copy(
    world: World, graph: GraphClient, listener: Listener, anna: Mailbox, ben: Mailbox
) -> None:
    for mailbox in (anna, ben):
        await graph.subscribe(listener, mailbox.user_id, clientState=mailbox.address)
    original = invite(anna, ben)
    [copied] = ben.events()
    anna.cancel(original.id)
    await world.settle()
    told = {(each["clientState"], each["changeType"], each["resourceData"]["id"]) for each in listener.items}
    assert told == {
        (anna.address, "created", original.immutable_id),
        (ben.address, "created", copied.immutable_id),
        (anna.address, "deleted", original.immutable_id),
        (ben.address, "updated", copied.immutable_id),
    }

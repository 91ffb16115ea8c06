"""Series as the simulated Graph shows them, read by the real client and decided about."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from outlook_addin_core.clients.graph_events import GraphEvents
from outlook_addin_core.clients.http import make_client
from outlook_addin_core.clients.tokens import TokenSource
from outlook_addin_core.domain.conversations import Conversation, Marker, Participant
from outlook_addin_core.domain.decisions import Action, Decision, Policy, Reason, decide
from outlook_addin_core.domain.events import Event, Gone
from outlook_addin_core.domain.links import SourceId
from outlook_addin_core.domain.mailbox import Mailbox
from outlook_addin_core.domain.series import by_themselves
from outlook_addin_sandbox.graph.events import Recurrence
from outlook_addin_sandbox.world import World

ADDIN = "0f0e0d0c-0b0a-4908-8706-050403020100"
ZURICH = ZoneInfo("Europe/Zurich")
FIRST = datetime(2026, 3, 19, 10, tzinfo=ZURICH)
BEFORE = datetime(2026, 3, 18, 12, tzinfo=UTC)
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)
LINK, OWN_LINK = UUID(int=7), UUID(int=8)
POLICY = Policy(may_delete=True, grace=timedelta(minutes=5))


@dataclass
class Desk:
    """Anna's calendar, whose weekly series meets at ten in Zurich when the clocks change, and its reader."""

    calendar: Any
    mailbox: Mailbox
    events: GraphEvents
    series_id: str = ""

    def link(self, event_id: str, uuid: UUID) -> str:
        """Schedule as the pane does, and return the event's immutable id."""
        properties = json.dumps({"v": 1, "uuid": str(uuid)})
        event = self.calendar.set_custom_properties(event_id, ADDIN, properties)
        return str(event.immutable_id)

    def conversation(self, event_id: str, uuid: UUID, series_id: str | None = None) -> Conversation:
        return Conversation(
            id=str(uuid),
            source_id=str(SourceId(ADDIN, self.mailbox, uuid)),
            state="CREATED",
            topic="Review",
            scheduled=FIRST.astimezone(UTC),
            assignee="anna",
            participants=(Participant("anna", "ASSIGNED_AGENT", "INVITED"),),
            marker=Marker(event_id, BEFORE, series_id),
        )

    async def master(self) -> Event:
        master = await self.events.get(self.mailbox, self.series_id)
        assert isinstance(master, Event)
        return master

    async def decide(self, conversation: Conversation, now: datetime, **more: Any) -> Decision:
        """Read everything about a conversation and decide."""
        marker = conversation.marker
        assert marker is not None
        assert conversation.link is not None
        event = await self.events.get(self.mailbox, marker.event_id)
        series = None
        if isinstance(event, Event) and event.is_series:
            series = await self.events.series(self.mailbox, event, now)
        carriers = await self.events.find_by_link(self.mailbox, conversation.link, marker.series_id)
        mentions = await self.events.on_day(self.mailbox, conversation)
        facts = {"series": series, "carriers": carriers, "mentions": mentions} | more
        return decide(event, conversation, now, POLICY, **facts)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with World.start() as world:
        anna = world.agents[0]
        mailbox = Mailbox(anna.tenant_id, anna.user_id)
        authority, scope = f"{world.entra.url}/{anna.tenant_id}", f"{world.graph.url}/.default"
        tokens = TokenSource(
            authority, world.client_id, world.client_secret, scope, ca_bundle=world.ca_bundle.read_text()
        )
        async with make_client(base_url=world.graph.url, ca_bundle=world.ca_bundle.read_text()) as client:
            desk = Desk(world.graph.mailbox(anna.user_id), mailbox, GraphEvents(client, tokens, ADDIN))
            weekly = Recurrence("weekly", count=30)
            event = desk.calendar.create_event(
                "Review", FIRST, FIRST + HOUR, time_zone="Europe/Zurich", recurrence=weekly
            )
            desk.series_id = desk.link(event.immutable_id, LINK)
            yield desk
        await tokens.aclose()


async def test_the_conversation_rolls_forward_at_ten_o_clock_whatever_the_clocks_do(desk: Desk) -> None:
    conversation = desk.conversation(desk.series_id, LINK)
    for week in range(4):
        now = FIRST.astimezone(UTC) + week * WEEK - DAY
        decision = await desk.decide(conversation, now)
        conversation = replace(conversation, scheduled=decision.scheduled or conversation.scheduled)
        assert conversation.scheduled is not None
        assert conversation.scheduled.astimezone(ZURICH) == FIRST + week * WEEK
        assert (await desk.decide(conversation, now)).reason is Reason.IN_SYNC


async def test_a_cancelled_occurrence_is_skipped_and_a_moved_one_followed(desk: Desk) -> None:
    conversation = desk.conversation(desk.series_id, LINK)
    first, second = await desk.events.instances(desk.mailbox, desk.series_id, FIRST, FIRST + 8 * DAY)
    desk.calendar.delete_event(first.id)
    assert (await desk.decide(conversation, BEFORE)).scheduled == second.start
    later = FIRST + WEEK + DAY
    desk.calendar.update_event(second.id, start=later, end=later + HOUR)
    assert (await desk.decide(conversation, BEFORE)).scheduled == later.astimezone(UTC)


async def test_an_occurrence_scheduled_by_itself_lives_and_goes_with_its_own_conversation(desk: Desk) -> None:
    first, second = await desk.events.instances(desk.mailbox, desk.series_id, FIRST, FIRST + 8 * DAY)
    own_id = desk.link(first.id, OWN_LINK)
    found = by_themselves(await desk.master(), await desk.events.exceptions(desk.mailbox, desk.series_id))
    assert [(each.id, each.link, each.series_master_id) for each in found] == [
        (own_id, OWN_LINK, desk.series_id)
    ]
    own = desk.conversation(own_id, OWN_LINK, desk.series_id)
    assert (await desk.decide(own, BEFORE, gone_since=BEFORE - DAY)).reason is Reason.IN_SYNC
    assert (await desk.decide(desk.conversation(desk.series_id, LINK), BEFORE)).scheduled == second.start

    desk.calendar.delete_event(own_id)
    assert (await desk.decide(own, BEFORE)).action is Action.WAIT
    decision = await desk.decide(own, BEFORE, gone_since=BEFORE - DAY)
    assert (decision.action, decision.reason) == (Action.DELETE, Reason.GONE)


async def test_a_deleted_series_deletes_its_conversation(desk: Desk) -> None:
    conversation, master = desk.conversation(desk.series_id, LINK), await desk.master()
    desk.calendar.delete_event(desk.series_id)
    assert isinstance(await desk.events.get(desk.mailbox, desk.series_id), Gone)
    assert await desk.events.series(desk.mailbox, master, BEFORE) is None
    decision = await desk.decide(conversation, BEFORE, gone_since=BEFORE - DAY)
    assert (decision.action, decision.reason) == (Action.DELETE, Reason.GONE)


async def test_a_shortened_series_keeps_its_conversation(desk: Desk) -> None:
    conversation = desk.conversation(desk.series_id, LINK)
    now = FIRST.astimezone(UTC) + WEEK
    ahead = replace(conversation, scheduled=now + WEEK)
    desk.calendar.update_event(desk.series_id, recurrence=Recurrence("weekly", count=1))
    decision = await desk.decide(ahead, now, gone_since=BEFORE)
    assert (decision.action, decision.reason) == (Action.KEEP, Reason.SERIES_OVER)


async def test_an_event_that_has_only_its_invitation_left_keeps_its_conversation(desk: Desk) -> None:
    event = desk.calendar.create_event(
        "Review", FIRST + HOUR, FIRST + 2 * HOUR, body_html=f'<div id="x_outlook-addin-unblu-{OWN_LINK}">'
    )
    lost = replace(desk.conversation("lost", OWN_LINK), scheduled=(FIRST + 3 * HOUR).astimezone(UTC))
    decision = await desk.decide(lost, BEFORE, gone_since=BEFORE - DAY)
    assert (decision.action, decision.reason) == (Action.KEEP, Reason.LINK_IN_BODY)
    same_time = replace(lost, scheduled=(FIRST + HOUR).astimezone(UTC))
    decision = await desk.decide(same_time, BEFORE, gone_since=BEFORE - DAY)
    assert (decision.reason, decision.adopted) == (Reason.IN_SYNC, event.immutable_id)

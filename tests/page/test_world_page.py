import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import Page, expect

from outlook_addin_sandbox.outlook import NaaRequest, OutlookPage, PageAgent, seed_calendar, world_calendar
from outlook_addin_sandbox.outlook.services import TokenRefusedError
from outlook_addin_sandbox.outlook.testing import ADDIN_ID, fake_addin, free_port
from outlook_addin_sandbox.outlook.world_services import world_conversations, world_services
from outlook_addin_sandbox.unblu import Conversation, Participant
from outlook_addin_sandbox.world import World

ADDIN = Path(__file__).parent / "addin"
NOW = datetime.now(ZoneInfo("Europe/Zurich"))


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World.start() as world:
        yield world


async def table() -> str:
    return "NAME   READY"


def anna(world: World) -> PageAgent:
    agent = world.agents[0]
    return PageAgent(agent.user_id, agent.name, agent.address)


def scheduled_conversation(world: World) -> Conversation:
    conversation = Conversation(
        topic="Mortgage",
        scheduled=int((NOW + timedelta(hours=1)).timestamp() * 1000),
        participants=[Participant(world.agents[0].person_id)],
        created=int(NOW.timestamp() * 1000),
    )
    world.unblu.conversations[conversation.id] = conversation
    return conversation


async def test_a_brokered_token_is_the_agents_and_for_the_add_in(world: World) -> None:
    services = world_services(world, "http://addin.localhost:1/addin", table)
    wish = NaaRequest(anna(world), world.client_id, "", f"{world.client_id}/.default")
    answer = await services.naa_token(wish)
    claims = world.entra.tokens.verify(answer["token"]["access_token"])
    assert (claims["aud"], claims["oid"]) == (world.client_id, world.agents[0].user_id)
    assert answer["account"]["localAccountId"] == world.agents[0].user_id


async def test_an_add_in_that_is_not_registered_gets_no_token(world: World) -> None:
    services = world_services(world, "http://addin.localhost:1/addin", table)
    with pytest.raises(TokenRefusedError, match="AADSTS700016"):
        await services.naa_token(NaaRequest(anna(world), "unknown", "", "unknown/.default"))


async def test_conversations_name_their_people(world: World) -> None:
    conversation = scheduled_conversation(world)
    world.unblu.join(conversation.id)
    (row,) = await world_conversations(world)
    assert row["participants"] == [world.agents[0].name, "Visitor"]
    assert (row["topic"], row["state"]) == ("Mortgage", "ONBOARDING")
    assert row["link"] == world.unblu.public_link(conversation.id)


@pytest.mark.browser
async def test_what_is_clicked_happens_in_the_world(page: Page, world: World) -> None:
    port = free_port()
    start = OutlookPage.start(world, addin_url=f"http://addin.localhost:{port}/addin", kubectl_table=table)
    conversation = scheduled_conversation(world)
    mailbox = world.graph.mailbox(world.agents[0].user_id)
    await seed_calendar(world_calendar(world, anna(world)), NOW)
    async with start as outlook, fake_addin(ADDIN, outlook.office_js_url, port):
        await page.clock.install(time=NOW)
        await page.goto(outlook.url)
        week = page.locator("#week")
        await week.get_by_role("button", name="Team stand-up").click()
        await page.get_by_label("Subject").fill("Daily")
        await page.get_by_role("button", name="Unblu Conversation").click()
        await expect(page.frame_locator("iframe").locator("#ready")).to_contain_text("Outlook/")
        pane = next(frame for frame in page.frames if "taskpane.html" in frame.url)
        await pane.evaluate(
            """new Promise((resolve) => Office.context.mailbox.item.loadCustomPropertiesAsync(({value}) => {
                 value.set("uuid", "u1"); value.saveAsync(resolve); }))"""
        )
        await page.get_by_role("button", name="Save").click()
        await expect(week.get_by_role("button", name="Daily")).to_be_visible()
        (daily,) = [event for event in mailbox.events() if event.subject == "Daily"]
        assert daily.custom_properties == {ADDIN_ID: '{"uuid": "u1"}'}
        await page.get_by_role("button", name="Visitor joins").click()
        await expect(page.get_by_role("listitem").filter(has_text="Mortgage")).to_contain_text("waiting")
        assert conversation.state == "ONBOARDING"
        await week.get_by_role("button", name="Daily").click()
        await page.get_by_role("button", name="Delete", exact=True).click()
        await expect(week.get_by_role("button", name="Daily")).to_be_hidden()
        assert [event.immutable_id for event in mailbox.deleted_events()] == [daily.immutable_id]


async def test_the_page_ends_while_browsers_still_listen(world: World) -> None:
    async with OutlookPage.start(
        world, addin_url="http://addin.localhost:1/addin", kubectl_table=table
    ) as outlook:
        port = int(outlook.url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        path = f"/api/agents/{world.agents[0].user_id}/stream"
        writer.write(f"GET {path} HTTP/1.1\r\nHost: outlook.localhost\r\n\r\n".encode())
        assert b"200 OK" in await reader.readline()
    async with asyncio.timeout(5):
        await reader.read()
    writer.close()

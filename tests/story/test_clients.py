"""One agent schedules a conversation, with each kind of Outlook that the page can be."""

import pytest
from playwright.async_api import FrameLocator, Page, expect

from outlook_addin_sandbox.outlook import OutlookPage
from outlook_addin_sandbox.unblu import Conversation
from outlook_addin_sandbox.world import World

pytestmark = pytest.mark.browser


async def open_pane(page: Page, outlook: OutlookPage, client: str) -> FrameLocator:
    await page.goto(f"{outlook.url}/?client={client}")
    await page.get_by_role("button", name="New event").click()
    await page.get_by_label("Subject").fill("Mortgage")
    await page.get_by_role("button", name="Unblu Conversation").click()
    return page.frame_locator("iframe")


async def scheduled(pane: FrameLocator) -> None:
    await expect(pane.get_by_role("heading", name="Conversation scheduled")).to_be_visible(timeout=20_000)


def only_conversation(world: World) -> Conversation:
    (conversation,) = world.unblu.conversations.values()
    return conversation


@pytest.mark.parametrize("client", ["web", "new", "classic"])
async def test_where_outlook_signs_in_by_itself_one_click_schedules(
    page: Page, outlook: OutlookPage, world: World, client: str
) -> None:
    pane = await open_pane(page, outlook, client)
    await pane.get_by_role("button", name="Schedule conversation").click()
    await scheduled(pane)
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("button", name="Save")).to_be_hidden()

    (event,) = world.graph.mailbox(world.agents[0].user_id).events()
    conversation = only_conversation(world)
    assert conversation.topic == "Mortgage"
    assert world.unblu.public_link(conversation.id) in event.body_html
    assert world.unblu.public_link(conversation.id) in event.location
    assert event.custom_properties


async def test_where_outlook_does_not_the_agent_signs_in_in_a_window(
    page: Page, outlook: OutlookPage, world: World
) -> None:
    pane = await open_pane(page, outlook, "noNaa")
    async with page.expect_popup() as opened:
        await pane.get_by_role("button", name="Schedule conversation").click()
    window = await opened.value
    await window.get_by_text(world.agents[0].name).click()
    await scheduled(pane)

    assert only_conversation(world).participants[0].person_id == world.agents[0].person_id


async def test_a_double_click_makes_one_conversation(page: Page, outlook: OutlookPage, world: World) -> None:
    pane = await open_pane(page, outlook, "web")
    await pane.get_by_role("button", name="Schedule conversation").dblclick()
    await scheduled(pane)

    assert len(world.unblu.conversations) == 1


async def test_an_outage_of_unblu_is_told_in_words_and_mended_by_a_retry(
    page: Page, outlook: OutlookPage, world: World
) -> None:
    world.apply_faults({"unblu": {"outage": True}})
    pane = await open_pane(page, outlook, "web")
    await pane.get_by_role("button", name="Schedule conversation").click()
    await expect(pane.get_by_role("button", name="Try again")).to_be_visible(timeout=20_000)
    assert world.unblu.conversations == {}

    world.apply_faults({"unblu": {"outage": False}})
    await pane.get_by_role("button", name="Try again").click()
    await scheduled(pane)
    assert len(world.unblu.conversations) == 1


async def test_with_synchronisation_off_the_pane_says_so(page: Page, outlook: OutlookPage) -> None:
    pane = await open_pane(page, outlook, "web")
    await pane.get_by_role("button", name="Schedule conversation").click()
    await scheduled(pane)
    await expect(pane.get_by_text("Sync is off.")).to_be_visible()


async def test_the_page_reports_nothing_to_the_console(page: Page, outlook: OutlookPage) -> None:
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    pane = await open_pane(page, outlook, "web")
    await pane.get_by_role("button", name="Schedule conversation").click()
    await scheduled(pane)

    assert errors == []

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import Locator, Page, expect

from outlook_addin_sandbox.outlook import EventFields, OutlookPage, seed_calendar
from outlook_addin_sandbox.outlook.testing import BEN, Backstage

pytestmark = pytest.mark.browser

ZURICH = ZoneInfo("Europe/Zurich")
NOW = datetime(2026, 11, 25, 10, 20, tzinfo=ZURICH)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the effect comes from the browser, which sets no event here
            await asyncio.sleep(0.02)


async def open_page(page: Page, outlook: OutlookPage, query: str = "") -> None:
    await page.clock.install(time=NOW)
    await page.goto(f"{outlook.url}/{query}")
    await page.locator("html[data-ready]").wait_for()


def event(page: Page, name: str) -> Locator:
    return page.locator("#week").get_by_role("button", name=name)


def review() -> EventFields:
    start = NOW.replace(hour=11, minute=0)
    return EventFields(subject="Review", start=start, end=start + timedelta(hours=1))


def pension() -> EventFields:
    start = NOW.replace(hour=15, minute=0)
    return EventFields(subject="Pension", start=start, end=start + timedelta(hours=1))


async def test_a_click_on_an_empty_slot_makes_an_event_at_that_time(
    page: Page, outlook: OutlookPage, backstage: Backstage
) -> None:
    await open_page(page, outlook)
    thursday = page.get_by_role("group", name="Thursday 26 November")
    box = await thursday.bounding_box()
    assert box is not None
    await thursday.click(position={"x": 30, "y": box["height"] * 9.6 / 24})
    await page.get_by_label("Subject").fill("Mortgage")
    await page.get_by_label("Location").fill("Room 1")
    await page.get_by_label("Invite").fill("k@client.example; p@client.example")
    await page.get_by_label("Sensitivity").select_option("private")
    await page.get_by_role("textbox", name="Description").fill("Bring papers")
    await page.get_by_role("button", name="Save").click()
    await expect(event(page, "Mortgage")).to_be_visible()
    made = backstage.anna.only()
    assert made.start == datetime(2026, 11, 26, 9, 30, tzinfo=ZURICH)
    assert made.end == datetime(2026, 11, 26, 10, 0, tzinfo=ZURICH)
    assert (made.location, made.sensitivity, made.time_zone) == ("Room 1", "private", "Europe/Zurich")
    assert made.attendees == ("k@client.example", "p@client.example")
    assert "Bring papers" in made.body


async def test_editing_writes_only_what_changed(
    page: Page, outlook: OutlookPage, backstage: Backstage
) -> None:
    await backstage.anna.create(review())
    await open_page(page, outlook)
    await event(page, "Review").click()
    await page.get_by_label("Subject").fill("Portfolio review")
    await page.get_by_label("Subject").press("Enter")
    await expect(event(page, "Portfolio review")).to_be_visible()
    assert backstage.anna.writes == [{"subject"}]


async def test_an_event_is_moved_with_the_keyboard_alone(
    page: Page, outlook: OutlookPage, backstage: Backstage
) -> None:
    await backstage.anna.create(review())
    await open_page(page, outlook)
    await event(page, "Review").focus()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await expect(page.get_by_label("Start")).to_be_focused()
    await page.keyboard.type("1126")  # month and day, in the order of Chromium's field
    await page.keyboard.press("Enter")
    await until(lambda: backstage.anna.only().start == datetime(2026, 11, 26, 11, tzinfo=ZURICH))


async def test_a_later_start_keeps_the_duration(
    page: Page, outlook: OutlookPage, backstage: Backstage
) -> None:
    await backstage.anna.create(review())
    await open_page(page, outlook)
    await event(page, "Review").click()
    await page.get_by_label("Start").fill("2026-11-26T14:00")
    await expect(page.get_by_label("End")).to_have_value("2026-11-26T15:00")
    await page.get_by_role("button", name="Save").click()
    await until(lambda: backstage.anna.only().start == datetime(2026, 11, 26, 14, tzinfo=ZURICH))
    assert backstage.anna.only().end == datetime(2026, 11, 26, 15, tzinfo=ZURICH)


async def test_an_all_day_event_runs_from_midnight_to_midnight(
    page: Page, outlook: OutlookPage, backstage: Backstage
) -> None:
    await open_page(page, outlook)
    await page.get_by_role("button", name="New event").click()
    await page.get_by_label("Subject").fill("Fair")
    await page.get_by_label("All day").check()
    await page.get_by_label("End").fill("2026-11-26")
    await page.get_by_role("button", name="Save").click()
    await expect(event(page, "Fair")).to_have_count(2)
    made = backstage.anna.only()
    assert made.is_all_day
    assert made.start == datetime(2026, 11, 25, tzinfo=ZURICH)
    assert made.end == datetime(2026, 11, 27, tzinfo=ZURICH)


async def test_dragging_moves_an_event_by_days_and_quarter_hours(
    page: Page, outlook: OutlookPage, backstage: Backstage
) -> None:
    await backstage.anna.create(review())
    await open_page(page, outlook)
    block, day = event(page, "Review"), page.get_by_role("group", name="Thursday 26 November")
    start, column = await block.bounding_box(), await day.bounding_box()
    assert start is not None
    assert column is not None
    await block.hover(position={"x": 20, "y": 12})
    await page.mouse.down()
    hours = 1.25
    target = (start["x"] + 20 + column["width"], start["y"] + 12 + column["height"] / 24 * hours)
    await page.mouse.move(*target, steps=5)
    await page.mouse.up()
    await until(lambda: backstage.anna.only().start == datetime(2026, 11, 26, 12, 15, tzinfo=ZURICH))
    assert backstage.anna.only().end == datetime(2026, 11, 26, 13, 15, tzinfo=ZURICH)
    await expect(page.get_by_role("dialog")).to_be_hidden()


async def test_a_deletion_can_be_undone_at_once(
    page: Page, outlook: OutlookPage, backstage: Backstage
) -> None:
    event_id = await backstage.anna.create(review())
    await open_page(page, outlook)
    await event(page, "Review").click()
    await page.get_by_role("button", name="Delete", exact=True).click()
    await expect(event(page, "Review")).to_be_hidden()
    assert list(backstage.anna.trash) == [event_id]
    await page.get_by_role("button", name="Undo").click()
    await expect(event(page, "Review")).to_be_visible()
    assert list(backstage.anna.stored) == [event_id]


async def test_deleted_items_come_back_or_go_for_good(
    page: Page, outlook: OutlookPage, backstage: Backstage
) -> None:
    kept, gone = await backstage.anna.create(review()), await backstage.anna.create(pension())
    await open_page(page, outlook)
    for name in ("Review", "Pension"):
        await event(page, name).click()
        await page.get_by_role("button", name="Delete", exact=True).click()
        await expect(event(page, name)).to_be_hidden()
    assert backstage.anna.stored == {}

    await page.get_by_role("button", name="Deleted items 2").click()
    deleted = page.get_by_role("dialog", name="Deleted items")
    row = deleted.get_by_role("listitem")
    await expect(row.filter(has_text="Review")).to_contain_text("Wed 25 Nov, 11:00")
    await row.filter(has_text="Review").get_by_role("button", name="Restore").click()
    await expect(event(page, "Review")).to_be_visible()
    await row.filter(has_text="Pension").get_by_role("button", name="Delete for good").click()
    await expect(deleted.get_by_text("Nothing is deleted")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(deleted).to_be_hidden()

    assert list(backstage.anna.stored) == [kept]
    assert gone not in backstage.anna.trash


async def test_escape_asks_before_it_throws_edits_away(
    page: Page, outlook: OutlookPage, backstage: Backstage
) -> None:
    await open_page(page, outlook)
    await page.get_by_role("button", name="New event").click()
    await page.get_by_label("Subject").fill("Half done")
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Keep editing").click()
    await expect(page.get_by_label("Subject")).to_have_value("Half done")
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Discard").click()
    await expect(page.get_by_label("Subject")).to_be_hidden()
    assert backstage.anna.stored == {}


async def test_every_agent_has_a_calendar_of_their_own(
    page: Page, outlook: OutlookPage, backstage: Backstage
) -> None:
    await backstage.anna.create(review())
    await backstage.calendars[BEN.user_id].create(review() | {"subject": "Pension"})
    await open_page(page, outlook)
    await expect(event(page, "Review")).to_be_visible()
    await page.get_by_label("Agent").select_option("Ben Rossi")
    await expect(event(page, "Pension")).to_be_visible()
    await expect(event(page, "Review")).to_be_hidden()


async def test_changes_made_elsewhere_appear_by_themselves(
    page: Page, outlook: OutlookPage, backstage: Backstage
) -> None:
    await open_page(page, outlook)
    event_id = await backstage.anna.create(review())
    await expect(event(page, "Review")).to_be_visible()
    await backstage.anna.delete(event_id)
    await expect(event(page, "Review")).to_be_hidden()


async def test_an_event_that_vanished_meanwhile_is_explained(
    page: Page, outlook: OutlookPage, backstage: Backstage
) -> None:
    event_id = await backstage.anna.create(review())
    await open_page(page, outlook)
    await event(page, "Review").click()
    await backstage.anna.delete(event_id)
    await page.get_by_label("Subject").fill("Too late")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("no longer in the calendar")).to_be_visible()
    await expect(page.get_by_label("Subject")).to_have_value("Too late")


async def test_scripts_in_a_body_do_not_run(page: Page, outlook: OutlookPage, backstage: Backstage) -> None:
    evil = '<p id="note">Hi<img src="x:" onerror="document.title=1"></p><script>document.title=2</script>'
    await backstage.anna.create(review() | {"body": evil})
    await open_page(page, outlook)
    await event(page, "Review").click()
    body = page.get_by_role("textbox", name="Description")
    await expect(body).to_have_text("Hi")
    assert await page.title() == "Demo calendar"
    assert await body.inner_html() == '<p id="x_note">Hi<img></p>'


async def test_the_panels_show_conversations_and_kubectl_as_they_change(
    page: Page, outlook: OutlookPage, backstage: Backstage
) -> None:
    await open_page(page, outlook)
    unblu, terminal = page.get_by_role("region", name="Unblu"), page.get_by_label("Output of kubectl")
    await expect(unblu.get_by_text("No conversations yet")).to_be_visible()
    await expect(terminal).to_contain_text("Available")
    conversation = {"id": "c1", "topic": "Mortgage", "scheduled": "2026-11-26T09:30:00Z", "state": "CREATED"}
    backstage.conversations = [
        conversation | {"link": "https://unblu.example/c1", "participants": ["Anna Meier"]}
    ]
    backstage.table = "NAME   READY\ncsub/one   False"
    await expect(unblu.get_by_text("Thu 26 Nov, 10:30")).to_be_visible()
    await expect(unblu.get_by_role("link", name="Public link")).to_have_attribute(
        "href", "https://unblu.example/c1"
    )
    await expect(terminal).to_contain_text("csub/one   False")
    await unblu.get_by_role("button", name="Visitor joins").click()
    await until(lambda: backstage.visitors == ["c1"])


async def test_the_first_steps_are_ticked_off_and_stay_hidden(page: Page, outlook: OutlookPage) -> None:
    await open_page(page, outlook)
    await page.get_by_role("button", name="New event").click()
    await page.keyboard.press("Escape")
    await expect(page.locator(".hints .done")).to_have_text(["1Click a slot in the week"])
    await page.get_by_role("button", name="Hide the first steps").click()
    await page.reload()
    await page.locator("html[data-ready]").wait_for()
    await expect(page.get_by_role("note")).to_be_hidden()


async def test_the_seed_fills_the_week_of_the_given_day(backstage: Backstage) -> None:
    assert len(await seed_calendar(backstage.anna, NOW)) == 5
    starts = [event.start for event in backstage.anna.stored.values()]
    assert min(starts) == datetime(2026, 11, 23, 8, tzinfo=UTC)
    assert max(starts) < datetime(2026, 11, 28, tzinfo=ZURICH)

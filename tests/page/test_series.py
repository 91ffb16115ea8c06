"""Series in the page, over a mailbox that expands them as Graph does."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import Locator, Page, expect

from outlook_addin_sandbox.graph.events import Recurrence, SimEvent
from outlook_addin_sandbox.graph.mailbox import Mailbox
from outlook_addin_sandbox.outlook import OutlookPage
from outlook_addin_sandbox.outlook.simulated_calendar import SimulatedCalendar
from outlook_addin_sandbox.outlook.testing import ADDIN_ID, Backstage

pytestmark = pytest.mark.browser

ZURICH = ZoneInfo("Europe/Zurich")
NOW = datetime(2026, 11, 25, 10, 20, tzinfo=ZURICH)
START = NOW.replace(hour=11, minute=0)
EVERY_WEDNESDAY = Recurrence("weekly", days_of_week=("wednesday",))


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox("anna-id", "tenant-id", "anna@bank.example", lambda: NOW, lambda _: None)


@pytest.fixture
async def outlook(backstage: Backstage, mailbox: Mailbox) -> AsyncIterator[OutlookPage]:
    calendar = SimulatedCalendar(mailbox, lambda: NOW)
    services = replace(
        backstage.services("http://addin.localhost:1/addin"), calendar=lambda _: calendar, addin_id=ADDIN_ID
    )
    async with OutlookPage.serve(services, interval=0.05) as page:
        yield page


@pytest.fixture
def series(mailbox: Mailbox) -> SimEvent:
    end = START + timedelta(hours=1)
    return mailbox.create_event("Advice", START, end, time_zone="Europe/Zurich", recurrence=EVERY_WEDNESDAY)


async def open_page(page: Page, outlook: OutlookPage) -> None:
    await page.clock.install(time=NOW)
    await page.goto(outlook.url)
    await page.locator("html[data-ready]").wait_for()


def occurrence(page: Page) -> Locator:
    return page.locator("#week").get_by_role("button", name="Advice")


def recurrence(mailbox: Mailbox) -> Recurrence | None:
    (event,) = mailbox.events()
    return event.recurrence


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the effect comes from the browser, which sets no event here
            await asyncio.sleep(0.02)


async def test_an_event_becomes_a_weekly_series_on_its_own_weekday(
    page: Page, outlook: OutlookPage, mailbox: Mailbox
) -> None:
    mailbox.create_event("Advice", START, START + timedelta(hours=1), time_zone="Europe/Zurich")
    await open_page(page, outlook)
    await occurrence(page).click()
    await page.get_by_role("combobox", name="Repeat").select_option("Weekly")
    await expect(page.get_by_role("checkbox", name="Wednesday")).to_be_checked()
    await page.get_by_role("button", name="Save").click()
    await expect(occurrence(page)).to_have_attribute("title", "Every week on Wednesday")
    assert recurrence(mailbox) == EVERY_WEDNESDAY
    for _ in range(2):
        await page.get_by_role("button", name="Later week").click()
        await expect(occurrence(page)).to_have_count(1)


async def test_interval_weekdays_and_end_are_kept(page: Page, outlook: OutlookPage, mailbox: Mailbox) -> None:
    await open_page(page, outlook)
    await page.get_by_role("button", name="New event").click()
    await page.get_by_label("Subject").fill("Advice")
    await page.get_by_role("combobox", name="Repeat").select_option("Weekly")
    await page.get_by_label("Every").fill("2")
    await page.get_by_role("checkbox", name="Friday").check(force=True)
    await page.get_by_label("Until").fill("2026-12-31")
    await page.get_by_role("button", name="Save").click()
    await expect(occurrence(page)).to_have_count(2)
    assert recurrence(mailbox) == Recurrence("weekly", 2, ("wednesday", "friday"), until=date(2026, 12, 31))


async def test_a_series_moves_to_another_weekday_with_its_start(
    page: Page, outlook: OutlookPage, mailbox: Mailbox, series: SimEvent
) -> None:
    await open_page(page, outlook)
    await occurrence(page).click()
    await page.get_by_role("button", name="Open series").click()
    await page.get_by_label("Start").fill("2026-11-27T14:00")
    await page.get_by_role("button", name="Save").click()
    await until(lambda: mailbox.get(series.id).start == datetime(2026, 11, 27, 14, tzinfo=ZURICH))
    assert recurrence(mailbox) == Recurrence("weekly", days_of_week=("friday",))


async def test_a_series_becomes_a_single_event_again(
    page: Page, outlook: OutlookPage, mailbox: Mailbox, series: SimEvent
) -> None:
    await open_page(page, outlook)
    await occurrence(page).click()
    await page.get_by_role("button", name="Open series").click()
    await page.get_by_role("combobox", name="Repeat").select_option("Does not repeat")
    await page.get_by_role("button", name="Save").click()
    await until(lambda: mailbox.get(series.id).recurrence is None)
    await expect(occurrence(page)).to_have_count(1)
    await page.get_by_role("button", name="Later week").click()
    await expect(occurrence(page)).to_have_count(0)


async def test_renaming_one_occurrence_leaves_the_series_alone(
    page: Page, outlook: OutlookPage, mailbox: Mailbox, series: SimEvent
) -> None:
    await open_page(page, outlook)
    await occurrence(page).click()
    await expect(page.get_by_text("Changes here are for this occurrence.")).to_be_visible()
    await page.get_by_label("Subject").fill("Advice at home")
    await page.get_by_role("button", name="Save").click()
    await expect(occurrence(page)).to_contain_text("Advice at home")
    assert mailbox.get(series.id).subject == "Advice"
    assert [each.subject for each in mailbox.exceptions(series)] == ["Advice at home"]


async def test_one_occurrence_is_deleted_and_the_others_stay(
    page: Page, outlook: OutlookPage, mailbox: Mailbox, series: SimEvent
) -> None:
    await open_page(page, outlook)
    await occurrence(page).click()
    await page.get_by_role("button", name="Delete", exact=True).click()
    await page.get_by_role("button", name="This event").click()
    await expect(occurrence(page)).to_have_count(0)
    assert mailbox.get(series.id).cancelled_dates == {START.date()}
    await page.get_by_role("button", name="Later week").click()
    await expect(occurrence(page)).to_have_count(1)


async def test_a_whole_series_is_deleted_from_one_occurrence_and_comes_back(
    page: Page, outlook: OutlookPage, mailbox: Mailbox, series: SimEvent
) -> None:
    await open_page(page, outlook)
    await occurrence(page).click()
    await page.get_by_role("button", name="Delete", exact=True).click()
    await page.get_by_role("button", name="The series").click()
    await expect(occurrence(page)).to_have_count(0)
    assert [each.immutable_id for each in mailbox.deleted_events()] == [series.immutable_id]
    await page.get_by_role("button", name="Deleted items 1").click()
    await expect(page.get_by_role("dialog", name="Deleted items")).to_contain_text("Every week on Wednesday")
    await page.get_by_role("button", name="Restore").click()
    await expect(occurrence(page)).to_have_count(1)
    assert recurrence(mailbox) == EVERY_WEDNESDAY


async def test_a_second_thought_about_deleting_keeps_the_form_open(
    page: Page, outlook: OutlookPage, mailbox: Mailbox, series: SimEvent
) -> None:
    await open_page(page, outlook)
    await occurrence(page).click()
    await page.get_by_role("button", name="Delete", exact=True).click()
    await page.keyboard.press("Escape")
    await expect(page.get_by_label("Subject")).to_have_value("Advice")
    assert mailbox.get(series.id).cancelled_dates == frozenset()


async def test_a_meeting_that_somebody_else_organizes_can_only_be_looked_at(
    page: Page, outlook: OutlookPage, mailbox: Mailbox
) -> None:
    mailbox.create_event(
        "Advice", START, START + timedelta(hours=1), is_organizer=False, organizer="ben@bank.example"
    )
    await open_page(page, outlook)
    await page.get_by_role("button", name="Advice").click()
    await expect(page.get_by_text("ben@bank.example invited you")).to_be_visible()
    await expect(page.get_by_role("button", name="Unblu Conversation")).to_have_count(0)
    await expect(page.get_by_role("button", name="Save")).to_have_count(0)
    assert await page.locator("[name=subject]").evaluate("input => Boolean(input.closest('[inert]'))")

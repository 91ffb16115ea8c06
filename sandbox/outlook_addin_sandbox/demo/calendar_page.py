"""What a person does in the calendar page, by mouse and keyboard."""

import re
from datetime import datetime, timedelta
from pathlib import Path

from playwright.async_api import FloatRect, FrameLocator, Locator, Page, expect

HOURS = 24


class CalendarPage:
    """The page in a browser.

    Args:
        page: a tab whose browser works in UTC.
        images: folder for pictures.
    """

    def __init__(self, page: Page, images: Path) -> None:
        self._page = page
        self._images = images

    @property
    def unblu(self) -> Locator:
        """The panel with Unblu's conversations."""
        return self._page.locator("#unblu")

    @property
    def terminal(self) -> Locator:
        """The panel with kubectl's table."""
        return self._page.locator("#terminal")

    @property
    def pane(self) -> FrameLocator:
        """The add-in's task pane."""
        return self._page.frame_locator("iframe")

    def button(self, name: str) -> Locator:
        """The button with exactly this name."""
        return self._page.get_by_role("button", name=name, exact=True)

    def event(self, subject: str) -> Locator:
        """An event in the week that is shown."""
        return self._page.locator("#week").get_by_role("button", name=re.compile(re.escape(subject)))

    async def show(self, url: str) -> None:
        """Open the page and turn to the next week."""
        await self._page.goto(url)
        await expect(self.button("New event")).to_be_visible()
        await self.button("Later week").click()

    async def open(self, subject: str) -> None:
        """Open the form of an event."""
        await self.event(subject).click()

    async def fill(self, label: str, value: str | datetime) -> None:
        """Fill a field of the form."""
        text = value.strftime("%Y-%m-%dT%H:%M") if isinstance(value, datetime) else value
        await self._page.get_by_label(label, exact=True).fill(text)

    async def repeat(self, name: str) -> None:
        """Choose how often the open event repeats."""
        await self._page.get_by_role("combobox", name="Repeat").select_option(name)

    async def save(self) -> None:
        """Save the form and see it close."""
        await self.button("Save").click()
        await expect(self.button("Save")).to_be_hidden()

    async def drag(self, subject: str, by: timedelta) -> None:
        """Drag an event to another day and time with the mouse."""
        block, day = await _box(self.event(subject)), await _box(self._page.locator(".day").first)
        x, y = block["x"] + 20, block["y"] + 12
        hours = by.seconds / 3600
        await self._page.mouse.move(x, y)
        await self._page.mouse.down()
        await self._page.mouse.move(x + day["width"] * by.days, y + day["height"] / HOURS * hours, steps=8)
        await self._page.mouse.up()

    async def delete(self, which: str | None = None) -> None:
        """Delete the open event; of a repeating one `This event` or `The series`."""
        await self.button("Delete").click()
        if which is not None:
            await self.button(which).click()

    async def deleted_item(self, action: str) -> None:
        """`Restore` what lies in Deleted items, or `Delete for good`."""
        await self._page.locator("#open-bin").click()
        await self.button(action).click()
        await expect(self._page.get_by_text("Nothing is deleted")).to_be_visible()
        await self.button("Close deleted items").click()

    async def shows_conversation(self, topic: str, when: datetime, seconds: float) -> None:
        """See exactly one conversation in the Unblu panel, with this topic and time.

        Raises:
            AssertionError: it is not seen in time.
        """
        cards = self.unblu.get_by_role("listitem")
        await expect(cards).to_have_count(1)
        time = re.compile(rf"{when:%a} {when.day} \w+, {when:%H:%M}")
        await expect(cards.locator("strong")).to_have_text(topic, timeout=seconds * 1000)
        await expect(cards.get_by_text(time)).to_be_visible(timeout=seconds * 1000)

    async def shows_no_conversation(self) -> None:
        """See that the Unblu panel is empty."""
        await expect(self.unblu.get_by_text("No conversations yet")).to_be_visible()

    async def picture(self, name: str) -> None:
        """Keep a screenshot."""
        self._images.mkdir(parents=True, exist_ok=True)
        await self._page.screenshot(path=self._images / f"{name}.png")


async def _box(locator: Locator) -> FloatRect:
    box = await locator.bounding_box()
    if box is None:
        raise AssertionError(f"{locator} is not on the page")
    return box

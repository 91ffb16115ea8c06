from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

from outlook_addin_sandbox.browser import chromium
from outlook_addin_sandbox.outlook import OutlookPage
from outlook_addin_sandbox.outlook.testing import Backstage, fake_addin, free_port

ADDIN = Path(__file__).parent / "addin"


@pytest.fixture
def backstage() -> Backstage:
    return Backstage()


@pytest.fixture
async def outlook(backstage: Backstage) -> AsyncIterator[OutlookPage]:
    port = free_port()
    services = backstage.services(f"http://addin.localhost:{port}/addin")
    async with (
        OutlookPage.serve(services, interval=0.05) as page,
        fake_addin(ADDIN, page.office_js_url, port),
    ):
        yield page


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    context = await browser.new_context(
        viewport={"width": 1440, "height": 900}, timezone_id="Europe/Zurich", locale="en-GB"
    )
    context.set_default_timeout(10_000)
    yield await context.new_page()
    await context.close()

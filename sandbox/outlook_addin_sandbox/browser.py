"""Chromium for browser tests and the played story: Debian's where there is one, else Playwright's own."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, async_playwright

REMEDY = "apt-get install chromium, or: .venv/bin/playwright install --with-deps chromium"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class NoBrowserError(Exception):
    """There is no Chromium on this machine; the message says how to get one."""


def on_path() -> Path | None:
    """The Chromium on the PATH."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    return Path(found) if found else None


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A headless Chromium that makes no calls of its own.

    Raises:
        NoBrowserError: there is none.
    """
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=_choose(Path(playwright.chromium.executable_path)), args=list(FLAGS)
        )
        try:
            yield browser
        finally:
            await browser.close()


def _choose(own: Path) -> Path:
    path = on_path() or own
    if not path.exists():
        raise NoBrowserError(f"No Chromium here. To get one: {REMEDY}")
    return path

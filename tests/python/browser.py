"""A real browser, for pages that people open."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, Request, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
BROWSER = next(filter(None, map(shutil.which, _NAMES)), None)

needs_browser = pytest.mark.skipif(
    BROWSER is None, reason=f"no browser is installed ({', '.join(_NAMES)})"
)


@contextmanager
def opened(folder: Path, width: int = 1280) -> Iterator[tuple[Page, list[str]]]:
    """A page of a browser without a window, and what it complained of or asked for.

    Args:
        folder: Whose files may be loaded; everything else is a complaint.
        width: Of the window, in pixels; 390 is a phone.
    """
    complaints: list[str] = []

    def look(request: Request) -> None:
        if not request.url.startswith((folder.as_uri(), "data:", "blob:")):
            complaints.append(request.url)

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=BROWSER, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.on("console", lambda said: complaints.append(f"{said.type}: {said.text}"))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("requestfailed", lambda request: complaints.append(request.url))
        page.on("request", look)
        try:
            yield page, complaints
        finally:
            browser.close()

"""A real browser (the system's chromium) against a real server.

`page` is a fresh browser page; `sign_in(page, alice)` signs somebody in; `look(page, "name")` looks at the page at
1280 and 390 px, dark and light, checks what every page must keep, and stores screenshots in test-results/.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PASSWORD

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SCREENSHOTS = Path(__file__).resolve().parents[2] / "test-results"
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
ARGUMENTS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]

# Playwright's own loop runs in this thread while Django's test client and the ORM are used beside it.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and CHROMIUM is None:
            item.add_marker(pytest.mark.skip(reason="no chromium here: apt-get install chromium"))


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield found
        found.close()


@pytest.fixture
def page(browser: Any, live_server: Any) -> Iterator[Any]:
    """A page at 1280 px. Any script error, blocked resource or request to another host fails the test."""
    context = browser.new_context(base_url=live_server.url, viewport={"width": 1280, "height": 800})
    context.set_default_timeout(20_000)
    opened = context.new_page()
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(f"script error: {error}"))
    opened.on("console", lambda message: _note(message, problems))
    opened.on("request", lambda request: _note_host(request.url, live_server.url, problems))
    yield opened
    context.close()
    assert not problems, problems


def _note(message: Any, problems: list[str]) -> None:
    blocked = "Content Security Policy" in message.text
    if message.type == "error" and (blocked or "status of" not in message.text):
        problems.append(f"console: {message.text}")


def _note_host(url: str, server: str, problems: list[str]) -> None:
    if not url.startswith((server, "data:", "blob:")):
        problems.append(f"asks another host: {url}")


@pytest.fixture
def sign_in() -> Callable[[Any, Any], None]:
    def signed_in(page: Any, user: Any) -> None:
        page.goto("/signin/")
        page.get_by_label("Username").fill(user.username)
        page.get_by_label("Password").fill(PASSWORD)
        page.locator("main").get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/")

    return signed_in


@pytest.fixture
def look() -> Callable[..., None]:
    """Screenshots of the page as it is now, and the rules of every page."""

    def looked(page: Any, name: str) -> None:
        SCREENSHOTS.mkdir(exist_ok=True)
        check_page(page)
        for theme in ("light", "dark"):
            for width in (1280, 390):
                page.emulate_media(color_scheme=theme)
                page.set_viewport_size({"width": width, "height": 800})
                wide = page.evaluate(
                    "document.documentElement.scrollWidth - document.documentElement.clientWidth"
                )
                assert wide <= 0, f"{name} is {wide} px too wide at {width} px"
                page.screenshot(path=SCREENSHOTS / f"{name}-{width}-{theme}.png", full_page=True)
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": 1280, "height": 800})

    return looked


def check_page(page: Any) -> None:
    """One h1, a title, every field with a label, every image and button with a name, no doubled id."""
    found = page.evaluate((Path(__file__).parent / "check_page.js").read_text().split("\n", 1)[1])
    assert not found, found

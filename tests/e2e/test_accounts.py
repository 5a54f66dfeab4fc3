"""A person signs up, makes a token, changes the theme, and finds the way by keyboard."""

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.django_db(transaction=True)


def test_signing_up_and_making_a_token(page, look):
    page.goto("/signup/")
    look(page, "signup")
    page.get_by_label("Username").fill("api")
    page.get_by_label("Password").fill("seven calm otters")
    page.get_by_role("button", name="Create account").click()
    page.get_by_text("“api” is reserved").wait_for()
    look(page, "signup-error")
    page.get_by_label("Username").fill("dana")
    page.get_by_label("Password").fill("seven calm otters")
    page.get_by_role("button", name="Create account").click()
    page.get_by_text("Welcome, dana").wait_for()

    page.goto("/settings/tokens/")
    page.get_by_label("Name", exact=True).fill("laptop")
    page.get_by_label("Write: also").check()
    page.get_by_role("button", name="Create token").click()
    secret = page.locator(".secret").inner_text()
    assert re.fullmatch(r"hf_[A-Za-z0-9]{36}", secret)
    page.get_by_role("button", name="Copy").click()
    page.get_by_role("button", name="Copied").wait_for()
    look(page, "tokens")

    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Revoke laptop").click()
    page.get_by_text("The token is revoked").wait_for()
    page.goto("/settings/password/")
    look(page, "password")


def test_signing_in_leads_back(page, look, alice):
    page.goto("/settings/tokens/")
    page.wait_for_url("**/signin/?next=**")
    look(page, "signin")
    page.get_by_label("Username").fill("alice")
    page.get_by_label("Password").fill("correct horse battery")
    page.locator("main").get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/settings/tokens/")


def test_the_theme_is_kept(page):
    page.emulate_media(color_scheme="light")
    page.goto("/signin/")
    background = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(background)
    page.get_by_role("button", name="Switch to dark theme").click()
    dark = page.evaluate(background)
    assert dark != light
    page.reload()
    assert page.evaluate(background) == dark


def test_the_keyboard_reaches_the_content_first(page):
    page.goto("/signup/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip-link"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "id_username"
    page.keyboard.press("Escape")
    page.locator("h1").click()
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "site-search"


def test_the_menu_closes_on_escape(page, sign_in, alice):
    sign_in(page, alice)
    page.goto("/settings/password/")
    page.locator("summary").first.click()
    page.get_by_role("link", name="Access tokens").first.wait_for()
    page.keyboard.press("Escape")
    assert page.evaluate("document.querySelector('details.menu').open") is False


def test_an_unknown_address_says_so(page, look, db):
    page.goto("/nobody/nothing")
    page.get_by_text("This thread ends here").wait_for()
    look(page, "not-found")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_has_contrast(page, theme, db):
    """WCAG 2.2 AA: 4.5 to 1 for every text and background token, 3 to 1 for borders of fields and for threads."""
    page.emulate_media(color_scheme=theme)
    page.goto("/signin/")
    ratios = page.evaluate((Path(__file__).parent / "contrast.js").read_text().split("\n", 1)[1])
    assert ratios["--ink on --paper"][0] > 12
    assert ratios["hue-3"][0] != ratios["hue-18"][0]
    assert {name: pair for name, pair in ratios.items() if pair[0] < pair[1]} == {}


def test_the_api_page(page, look, db):
    page.goto("/api/v1/docs/")
    page.get_by_role("heading", name="API", exact=True).wait_for()
    look(page, "api-docs")

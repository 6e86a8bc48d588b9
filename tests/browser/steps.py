"""What every story in the browser begins with: signing up and saying who one is."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitor
from tests.stack import wait_for

PASSWORD = "a long and unusual phrase"


def submit(page: Page, name: str | re.Pattern[str]) -> None:
    page.get_by_role("button", name=name).click()


def sign_in(person: Visitor, email: str, password: str) -> None:
    person.go("/login/")
    person.page.get_by_label("Email").fill(email)
    person.page.get_by_label("Password").fill(password)
    person.page.get_by_role("button", name="Sign in", exact=True).click()
    person.page.wait_for_url(f"{person.stack.site}/")


def sign_up(person: Visitor, email: str, *, look: Callable[[str], None]) -> None:
    page = person.page
    person.go("/signup/")
    look("sign-up")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    submit(page, "Create account")
    expect(page.get_by_role("heading", name="Check your mail")).to_be_visible()
    look("check your mail")
    page.get_by_role("link", name="open the demo mailbox").click()
    rows = page.get_by_role("listitem").filter(has_text=email)
    entry = rows.get_by_role("link", name=re.compile("onfirm"))

    def arrived() -> bool:
        person.go("/demo/mail/")
        return entry.count() > 0

    wait_for(arrived, every=0.3)
    look("demo mailbox")
    entry.first.click()
    look("a mail")
    page.locator("main a[href*='confirm-email']").first.click()
    look("confirm e-mail")
    submit(page, "Yes, confirm")


def describe(person: Visitor, *, goal: str, look: Callable[[str], None]) -> None:
    """Name the organization and choose what to do first."""
    page = person.page
    if "/login/" in page.url:
        raise AssertionError("a confirmed e-mail signs its owner in")
    expect(page.get_by_role("heading", name="Welcome to Switchyard")).to_be_visible()
    look("welcome")
    page.get_by_label("Organization").fill("Analytical Engines")
    page.get_by_label("Country").select_option("DE")
    submit(page, "Continue")
    look("goals")
    page.get_by_role("link", name=re.compile(goal)).click()

"""A key is rotated: the new one stands on a page of its own and stays there until its reader goes."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.browser.steps import sign_in, submit

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240, func_only=True)]
OWNER = "ines@halden.example"
KEY = re.compile(r"sw_live_\w+")


def test_the_new_key_is_not_lost_with_a_dialog(
    visit: Callable[..., Visitor], passwords: dict[str, str]
) -> None:
    person = visit()
    page = person.page
    sign_in(person, OWNER, passwords[OWNER])
    person.go("/api-keys/new/")
    page.get_by_label("Name").fill("Checkout")
    submit(page, "Create key")
    page.get_by_role("link", name="I have stored it").click()
    page.get_by_role("link", name="Rotate").click()
    expect(page.get_by_role("heading", name="Rotate Checkout?", level=1)).to_be_visible()
    person.check("question")
    submit(page, "Make the new key")
    expect(page.get_by_role("heading", name="Your new API key", level=1)).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".code-block pre")).to_have_text(KEY)
    person.check("new key")
    page.reload()
    expect(page.get_by_text("That key was made already")).to_be_visible()

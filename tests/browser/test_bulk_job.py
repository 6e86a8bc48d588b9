"""250 keys are revoked from their list: the worker does it, the page tells as it goes and when it is done."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests import services
from tests.browser.conftest import PHONE, Visitor
from tests.browser.steps import sign_in
from tests.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240, func_only=True)]
OWNER = "ines@halden.example"
MANY = 250
MAKE = f"""
import django; django.setup()
from accounts.models import Membership
from config.kit import context
from tests.factories.bulk import plain_keys
member = Membership.objects.filter(user__email="{OWNER}").select_related("organization").first()
with context.acting(organization_id=member.organization_id):
    plain_keys(member.organization, {MANY}, name="Sensor ")
"""


@pytest.fixture
def keys(stack: Stack, passwords: dict[str, str]) -> None:
    """As many keys as nobody would make by hand."""
    env = stack.env | {"SWITCHYARD_PROCESS": "command"}
    subprocess.run([sys.executable, "-c", MAKE], env=env, cwd=services.ROOT, check=True)


def select_all(page: Page) -> None:
    page.locator("[data-check-all]").check()
    page.locator("input[name=all]").check()
    page.locator(".bulk").get_by_role("button", name="Revoke").click()


@pytest.mark.usefixtures("keys")
def test_a_job_is_watched_to_its_end(
    visit: Callable[..., Visitor], stack: Stack, passwords: dict[str, str]
) -> None:
    person = visit()
    page = person.page
    sign_in(person, OWNER, passwords[OWNER])
    stack.kill("worker")
    try:
        person.go("/api-keys/?q=Sensor")
        select_all(page)
        expect(page.get_by_role("heading", name=f"Revoke {MANY} API keys?")).to_be_visible()
        person.check("question", idle=False)
        page.get_by_label("Reason").fill("A new fleet")
        page.get_by_role("button", name="Revoke for good").click()
        page.wait_for_url(re.compile("/jobs/[0-9a-f-]{36}/$"))
        expect(page.locator("#job-progress")).to_contain_text(f"0 of {MANY}")
        person.check("job that waits", idle=False)
        search = page.get_by_label("Name or reason")
        search.press_sequentially("Sensor")
        page.wait_for_url(re.compile("q=Sensor"))
    finally:
        stack.start("worker")
    # Nobody reloads: the part asks for itself, and at the end the list comes anew, but not under
    # the hands of who is typing.
    expect(page.locator("#job-progress")).to_contain_text(f"{MANY} of {MANY}", timeout=90_000)
    expect(page.locator("#job-progress")).not_to_have_attribute("hx-trigger", re.compile("."))
    expect(search).to_be_focused()
    expect(search).to_have_value("Sensor")
    search.blur()
    done = page.get_by_role("navigation", name="Filter by result").get_by_role("link", name="Done")
    expect(done).to_contain_text(str(MANY), timeout=15_000)
    expect(page.locator("#job-progress")).not_to_have_attribute("hx-trigger", re.compile("."))
    person.check("job that is done")
    page.set_viewport_size(PHONE)
    person.check("job on a phone")
    page.get_by_role("link", name="Jobs", exact=True).click()
    expect(page.get_by_role("link", name="Revoke API keys")).to_be_visible()
    person.check("jobs on a phone")

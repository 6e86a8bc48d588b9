"""A page that stands open: parts that ask for themselves, a session that ends, dialogs that close."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.utils.timezone import now
from playwright.sync_api import expect

from tests import services
from tests.browser.conftest import Visitor
from tests.stack import Stack, make_stack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240, func_only=True)]
OWNER = "ines@halden.example"
BEGIN = f"""
import django; django.setup()
from django.utils.timezone import now
from accounts.models import Membership, WebhookAttempt, WebhookDelivery
from config.kit import context
from tests.factories.webhooks import endpoint_of, many_deliveries
member = Membership.objects.filter(user__email="{OWNER}").select_related("organization").first()
organization = member.organization
def tried(delivery, number):
    WebhookAttempt.objects.create(
        organization=organization, delivery=delivery, number=number, finished_at=now(),
        request_headers={{"x-try": str(number)}}, error="No answer", error_code="timeout",
    )
"""
DELIVERY = """
with context.acting(organization_id=organization.pk):
    many_deliveries(endpoint_of(organization), 1, next_attempt_at=now())
    delivery = WebhookDelivery.objects.for_organization(organization).latest("id")
    tried(delivery, 1)
    tried(delivery, 2)
    print(f"/webhooks/{delivery.endpoint_id}/deliveries/{delivery.pk}/")
"""
ANOTHER_TRY = """
with context.acting(organization_id=organization.pk):
    tried(WebhookDelivery.objects.for_organization(organization).latest("id"), 3)
"""
GONE = """
with context.acting(organization_id=organization.pk):
    WebhookDelivery.objects.for_organization(organization).latest("id").delete()
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = make_stack("standing", tmp_path_factory.mktemp("standing"))
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()


@pytest.fixture(scope="module")
def password(stack: Stack) -> str:
    return stack.seed()[OWNER]


@pytest.fixture
def owner(visit: Callable[..., Visitor], password: str) -> Visitor:
    """A window in which the owner of the demo company is signed in."""
    person = visit()
    person.go("/login/")
    sign_in(person, password)
    person.page.wait_for_url(f"{person.stack.site}/")
    return person


@pytest.fixture
def at_rest(stack: Stack) -> Iterator[None]:
    """Let nobody work in the background."""
    stack.kill("worker")
    stack.kill("beat")
    yield
    stack.start("worker", "beat")


def sign_in(person: Visitor, password: str) -> None:
    person.page.get_by_label("Email").fill(OWNER)
    person.page.get_by_label("Password").fill(password)
    person.page.get_by_role("button", name="Sign in", exact=True).click()


def run(stack: Stack, script: str) -> str:
    """Change what is stored, as somebody else; return what the script prints."""
    env = stack.env | {"SWITCHYARD_PROCESS": "command"}
    command = [sys.executable, "-c", BEGIN + script]
    done = subprocess.run(
        command, env=env, cwd=services.ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout.strip()


def test_a_dialog_that_is_refused_says_why_and_stays(owner: Visitor) -> None:
    page = owner.page
    owner.expected += ["status of 409", "Error Code 409"]
    owner.go("/team/")
    page.locator("summary").filter(has_text="More").click()
    page.get_by_role("link", name="Leave the organization").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Leave").click()
    reason = dialog.get_by_text("An organization needs an owner.")
    expect(reason).to_be_visible()
    expect(dialog.get_by_role("button", name="Leave")).to_be_enabled()
    owner.check("a refusal in a dialog")
    dialog.get_by_role("button", name="Dismiss").click()
    expect(reason).to_have_count(0)
    dialog.get_by_role("button", name="Leave").click()
    expect(reason).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    # It stays until somebody closes it.
    expect(page.locator("#toasts").get_by_text("An organization needs an owner.")).to_be_visible()


@pytest.mark.parametrize("entry", ["Leave the organization", "Change role"])
def test_a_dialog_of_a_menu_gives_the_focus_back_to_it(owner: Visitor, entry: str) -> None:
    page = owner.page
    owner.go("/team/")
    menu = page.locator("main details.menu").filter(has_text=entry).first.locator("summary")
    menu.focus()
    page.keyboard.press("ArrowDown")
    menu.locator("..").get_by_role("link", name=entry).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(menu).to_be_focused()


def test_the_shortcuts_give_the_focus_back(owner: Visitor) -> None:
    page = owner.page
    owner.go("/team/")
    item = page.locator("[data-shortcuts]")
    menu = page.locator("details.menu").filter(has=item).locator("summary")
    menu.focus()
    page.keyboard.press("ArrowDown")
    item.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    expect(menu).to_be_focused()
    page.get_by_role("link", name="Skip to main content").focus()
    page.keyboard.press("?")
    expect(page.locator("#shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Skip to main content")).to_be_focused()


def test_who_signs_out_elsewhere_comes_back_to_the_page(owner: Visitor, password: str) -> None:
    page = owner.page
    owner.go("/licenses/")
    page.locator(".list .cell-main a").first.click()
    expect(page.locator("#device-states")).to_be_visible()
    license = page.url
    owner.context.clear_cookies()
    page.wait_for_url(re.compile(r"/login/\?next=/licenses/[0-9a-f-]+/$"))
    sign_in(owner, password)
    page.wait_for_url(license)
    expect(page.locator("h1")).to_be_visible()
    owner.go(f"{license}states/")
    assert page.url == license


@pytest.mark.usefixtures("at_rest")
def test_a_part_that_comes_anew_leaves_the_reader_alone(owner: Visitor, stack: Stack) -> None:
    page = owner.page
    owner.go(run(stack, DELIVERY))
    older = page.locator("#try-1")
    older.locator("summary").click()
    older.get_by_role("button", name=re.compile("sent headers")).focus()
    with page.expect_response(lambda answer: "/state/" in answer.url) as asked:
        pass
    assert asked.value.status == 204
    run(stack, ANOTHER_TRY)
    expect(page.locator("#try-3")).to_be_visible()
    expect(older).to_have_attribute("open", "")
    expect(older.get_by_role("button", name=re.compile("sent headers"))).to_be_focused()


@pytest.mark.usefixtures("at_rest")
def test_a_part_that_is_refused_says_so_once_and_asks_no_more(owner: Visitor, stack: Stack) -> None:
    page = owner.page
    owner.expected += ["status of 404", "Error Code 404"]
    page.clock.install()
    owner.go(run(stack, DELIVERY))
    # From here on time passes only where it is told to: it asks once in two seconds.
    page.clock.pause_at(now() + timedelta(hours=1))
    page.wait_for_load_state("networkidle")
    run(stack, GONE)
    asked: list[str] = []
    page.on("request", lambda each: asked.append(each.url) if "/state/" in each.url else None)
    page.clock.run_for(2000)
    expect(page.locator("#toasts").get_by_text("There is nothing here.")).to_be_visible()
    page.clock.run_for(20_000)
    page.wait_for_load_state("networkidle")
    assert len(asked) == 1


def test_a_copy_of_ones_data_arrives_on_the_open_page(owner: Visitor, stack: Stack) -> None:
    page = owner.page
    stack.kill("worker")
    try:
        owner.go("/profile/data/")
        page.get_by_role("button", name="Get a copy of my data").click()
        expect(page.locator("#copies")).to_contain_text("Being made")
        owner.check("a copy that is being made", idle=False)
    finally:
        stack.start("worker")
    asking = page.locator("#copies[hx-trigger]")
    expect(asking).to_have_count(0, timeout=60_000)
    expect(page.get_by_role("link", name="Download").first).to_be_visible()
    expect(page.get_by_text("Being made")).to_have_count(0)

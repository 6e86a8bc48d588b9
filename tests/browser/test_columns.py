"""The column chooser of the lists: what is hidden stays hidden, and can be had back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import PHONE, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240, func_only=True)]
OWNER = "ines@halden.example"
NARROW = {**PHONE, "width": 360}
# What each list of the dashboard offers; its first column, its boxes and its actions always stay.
LISTS = {
    "/api-keys/": ["Key", "Scopes", "Last used", "Expires", "State", "Created"],
    "/usage/calls/": ["Status", "Key", "Product", "Latency", "Time"],
    "/logs/": ["Who", "Object", "Address", "When"],
    "/team/": ["Role", "Second factor", "Last active", "Joined"],
    "/team/invitations/": ["Role", "State", "Invited by", "Invited", "Link ends"],
    "/webhooks/": ["Events", "Delivered", "Per day", "Status", "Created"],
    "/security/tokens/": ["Signed in by", "Address", "Signed in", "Last refreshed", "Ends"],
    "/security/tokens/reports/": ["Source", "Result", "Address", "Reported"],
    "/notifications/": ["Kind", "State", "When"],
    "/billing/invoices/": ["Date", "State", "Total"],
    "/licenses/": ["Key", "Devices", "Ends", "Status", "Created"],
}
DELIVERIES = ["Outcome", "Answer", "Tries", "Took", "Created"]
# Counts the frames that are painted with the named column on them.
WATCH = """name => {
  window.framesWithIt = 0;
  const look = () => {
    const heads = [...document.querySelectorAll('.tbl thead th')];
    const head = heads.find((each) => each.textContent.trim() === name);
    if (head && !head.hidden) window.framesWithIt += 1;
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}"""


@pytest.fixture
def owner(visit: Callable[..., Visitor], passwords: dict[str, str]) -> Callable[..., Visitor]:
    """Open a window in which the owner of the demo company is signed in."""

    def sign_in(**options: object) -> Visitor:
        person = visit(**options)
        person.go("/login/")
        person.page.get_by_label("Email").fill(OWNER)
        person.page.get_by_label("Password").fill(passwords[OWNER])
        person.page.get_by_role("button", name="Sign in", exact=True).click()
        person.page.wait_for_url(f"{person.stack.site}/")
        return person

    return sign_in


def opener(page: Page) -> Locator:
    return page.locator(".columns summary")


def box(page: Page, name: str) -> Locator:
    return page.get_by_role("group", name="Columns").get_by_label(name, exact=True)


def column(page: Page, name: str) -> Locator:
    """The cells of a column, its head among them."""
    head = page.locator(".list thead th").filter(has_text=name)
    return head.or_(page.locator(f".list td[data-label='{name}']"))


def expect_hidden(page: Page, name: str) -> None:
    expect(column(page, name).first).to_be_attached()
    expect(column(page, name).filter(visible=True)).to_have_count(0)
    expect(page.locator(".list .cell-main").first).to_be_visible()


def expect_shown(page: Page, name: str) -> None:
    every = column(page, name).count()
    assert every > 1
    expect(column(page, name).filter(visible=True)).to_have_count(every)


def offered(page: Page) -> list[str]:
    return page.get_by_role("group", name="Columns").locator("label").all_inner_texts()


def choose(page: Page, names: list[str]) -> None:
    """Hide each column and have them all back."""
    opener(page).click()
    assert offered(page) == names
    for name in names:
        page.locator(".columns label").get_by_text(name, exact=True).click()
        expect_hidden(page, name)
    page.get_by_role("button", name="Show all").click()
    for name in names:
        expect(box(page, name)).to_be_checked()
        expect_shown(page, name)


def test_every_list_lets_its_columns_be_chosen(owner: Callable[..., Visitor]) -> None:
    person = owner()
    for path, names in LISTS.items():
        person.go(path)
        choose(person.page, names)
    person.go("/webhooks/")
    person.page.locator(".list .cell-main a").first.click()
    expect(person.page.locator("#deliveries")).to_be_visible()
    choose(person.page, DELIVERIES)


def test_a_hidden_column_stays_hidden(owner: Callable[..., Visitor]) -> None:
    person = owner()
    page = person.page
    person.go("/usage/calls/")
    opener(page).click()
    box(page, "Product").uncheck()
    expect_hidden(page, "Product")
    expect(box(page, "Product")).to_be_focused()
    person.check("calls without a column")

    page.get_by_role("link", name="Latency").click()
    expect(page.locator("th[aria-sort=ascending]")).to_contain_text("Latency")
    expect_hidden(page, "Product")
    page.get_by_role("link", name="Next").click()
    expect(page.locator(".pager")).to_contain_text("26 to 50")
    expect_hidden(page, "Product")
    page.reload()
    expect_hidden(page, "Product")
    person.go("/api-keys/")
    expect_shown(page, "Scopes")
    person.go("/usage/calls/")
    opener(page).click()
    page.get_by_role("button", name="Show all").click()
    expect_shown(page, "Product")
    page.reload()
    expect_shown(page, "Product")


def test_no_frame_is_painted_with_a_hidden_column(owner: Callable[..., Visitor]) -> None:
    person = owner()
    page = person.page
    page.add_init_script(f"({WATCH})('Product')")
    person.go("/usage/calls/?size=250")
    opener(page).click()
    box(page, "Product").uncheck()
    person.go("/usage/calls/?size=250")
    expect_hidden(page, "Product")
    page.get_by_role("link", name="Latency").click()
    expect(page.locator("th[aria-sort=ascending]")).to_contain_text("Latency")
    assert page.evaluate("window.framesWithIt") == 0


def test_a_list_that_is_fetched_anew_keeps_its_menu_open(owner: Callable[..., Visitor]) -> None:
    person = owner()
    page = person.page
    person.go("/usage/calls/")
    page.get_by_role("searchbox", name="Endpoint or outcome").press_sequentially("valid")
    opener(page).click()
    box(page, "Status").focus()
    page.wait_for_url("**q=valid**")
    expect(box(page, "Status")).to_be_focused()
    box(page, "Status").uncheck()
    expect_hidden(page, "Status")


def test_the_keyboard_chooses_columns(owner: Callable[..., Visitor]) -> None:
    person = owner()
    page = person.page
    person.go("/api-keys/")
    opener(page).focus()
    page.keyboard.press("ArrowDown")
    expect(box(page, "Key")).to_be_focused()
    page.keyboard.press("Space")
    expect_hidden(page, "Key")
    expect(box(page, "Key")).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("button", name="Show all")).to_be_focused()
    page.keyboard.press("Enter")
    expect_shown(page, "Key")
    page.keyboard.press("Escape")
    expect(opener(page)).to_be_focused()
    expect(box(page, "Key")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_chooses_among_the_lines_of_its_cards(
    owner: Callable[..., Visitor], scheme: str
) -> None:
    person = owner(viewport=NARROW, color_scheme=scheme)
    page = person.page
    person.go("/api-keys/")
    opener(page).click()
    expect(box(page, "Last used")).to_be_visible()
    expect(box(page, "Created")).to_be_hidden()  # a phone leaves it out in any case
    expect_hidden(page, "Created")
    box(page, "Last used").uncheck()
    expect_hidden(page, "Last used")
    page.keyboard.press("ArrowDown")
    expect(box(page, "Expires")).to_be_focused()
    page.keyboard.press("Escape")
    person.check(f"a hidden column on a phone, {scheme}")
    person.go("/licenses/")
    opener(page).click()
    expect(box(page, "Devices")).to_be_visible()
    person.check(f"columns on a phone, {scheme}")


@pytest.mark.parametrize(
    "rubbish", ["{", "null", '{"a": 1}', '"Key"', '[null, 7, "No such column", "Name"]']
)
def test_rubbish_in_the_storage_breaks_nothing(owner: Callable[..., Visitor], rubbish: str) -> None:
    person = owner()
    page = person.page
    page.evaluate("text => localStorage.setItem('columns:api-keys', text)", rubbish)
    person.go("/api-keys/")
    choose(page, LISTS["/api-keys/"])


def test_without_a_storage_the_choice_lasts_as_long_as_the_page(
    owner: Callable[..., Visitor],
) -> None:
    person = owner()
    page = person.page
    page.add_init_script(
        "Object.defineProperty(window, 'localStorage', {get() { throw new Error('refused') }})"
    )
    person.go("/usage/calls/")
    opener(page).click()
    box(page, "Product").uncheck()
    page.get_by_role("link", name="Latency").click()
    expect(page.locator("th[aria-sort=ascending]")).to_contain_text("Latency")
    expect_hidden(page, "Product")


def test_a_row_of_another_shape_stays(owner: Callable[..., Visitor]) -> None:
    person = owner()
    page = person.page
    person.go("/api-keys/")
    page.evaluate(
        "document.querySelector('.tbl tbody').insertRow().insertCell().colSpan = 8;"
        "document.querySelector('.tbl td[colspan]').textContent = 'That is all'"
    )
    opener(page).click()
    box(page, "Key").uncheck()
    expect_hidden(page, "Key")
    expect(page.get_by_text("That is all")).to_be_visible()


def test_what_is_no_table_offers_no_columns(owner: Callable[..., Visitor]) -> None:
    person = owner()
    person.go("/search/?q=halden")
    expect(person.page.locator("#found")).to_be_visible()
    expect(opener(person.page)).to_be_hidden()
    person.go("/api-keys/?q=nothing-has-this-name")
    expect(person.page.get_by_text("No key matches")).to_be_visible()
    expect(opener(person.page)).to_be_hidden()

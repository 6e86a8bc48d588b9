"""The story of an account: its team, its keys, its webhooks, its trail, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import DESKTOP, PHONE, Visitor
from tests.browser.steps import PASSWORD, describe, sign_up, submit
from tests.factories.webhooks import Receiver, receiving
from tests.stack import Stack, make_stack, wait_for

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240, func_only=True)]
Look = Callable[[str], None]
WIDTHS = (360, 390, 1440)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = make_stack("account", tmp_path_factory.mktemp("account"))
    try:
        stack.start()
        stack.seed()
        yield stack
    finally:
        stack.stop()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A customer's own server on this machine."""
    with receiving() as found:
        yield found


def looker(person: Visitor) -> Look:
    """Hold each page against axe, then against sideways scrolling at every width."""

    def look(name: str) -> None:
        person.check(name, idle=False)
        page = person.page
        own = page.viewport_size
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                person.complaints.append(f"{name}: scrolls sideways at {width}")
        if own:
            page.set_viewport_size(own)

    return look


def press(person: Visitor, name: str) -> None:
    """Press a button of the page, or of the dialog that is open above it."""
    buttons = person.page.get_by_role("button", name=name, exact=True)
    buttons.last.click()


def heading(person: Visitor, text: str | re.Pattern[str]) -> None:
    expect(person.page.get_by_role("heading", level=1, name=text)).to_be_visible()


def mailed_link(person: Visitor, address: str, subject: str, part: str) -> str:
    """Return the link with `part` in the newest mail to `address`, out of the demo mailbox."""
    rows = person.page.get_by_role("listitem").filter(has_text=address)
    entry = rows.get_by_role("link", name=re.compile(subject))

    def arrived() -> bool:
        person.go("/demo/mail/")
        return entry.count() > 0

    wait_for(arrived, every=0.3)
    entry.first.click()
    return str(person.page.locator(f"main a[href*='{part}']").first.get_attribute("href"))


def invite(person: Visitor, colleague: str, *, look: Look) -> None:
    page = person.page
    person.go("/team/")
    look("team")
    page.get_by_role("link", name="Invite people").first.click()
    page.get_by_label("E-mail addresses").fill(colleague)
    look("invite people")
    submit(page, "Send invitations")
    expect(page.get_by_role("rowheader", name=colleague)).to_be_visible()
    look("invitations")


def join(guest: Visitor, colleague: str, *, look: Look) -> None:
    """Sign up through the link: the address is proven by it, so no second mail is awaited."""
    page = guest.page
    guest.go(mailed_link(guest, colleague, "^Join ", "/invitations/"))
    heading(guest, "Join Analytical Engines")
    look("the door of an invitation")
    press(guest, "Create an account")
    look("sign-up with an invitation")
    page.get_by_label("Password").fill(PASSWORD)
    submit(page, "Create account")
    expect(page.get_by_text("Analytical Engines").first).to_be_attached()
    guest.go("/team/")
    look("team, for a member")
    expect(page.get_by_role("rowheader", name=colleague)).to_be_visible()
    expect(page.get_by_role("link", name="Invite people")).to_have_count(0)


def change_role(person: Visitor, colleague: str, *, look: Look) -> None:
    page = person.page
    person.go("/team/")
    row = page.get_by_role("row", name=re.compile(re.escape(colleague)))
    row.locator("summary").click()
    row.get_by_role("link", name="Change role").click()
    page.locator("input[type=radio][value=admin]").check()
    look("change a role")
    press(person, "Change role")
    row = page.get_by_role("row", name=re.compile(re.escape(colleague)))
    expect(row).to_contain_text("Admin")


def make_key(person: Visitor, *, look: Look) -> str:
    """Return the key that the page shows once; a second look at the page shows it no more."""
    page = person.page
    person.go("/api-keys/")
    look("API keys, none yet")
    page.get_by_role("link", name="Create key").first.click()
    look("create a key")
    page.get_by_label("Name").fill("Checkout")
    page.locator("input[value='keys:verify']").check()
    submit(page, "Create key")
    heading(person, "Your new API key")
    secret = page.locator(".code-block pre").first.inner_text().strip()
    assert secret.startswith("sw_live_")
    look("the key, once")
    return secret


def download_key(person: Visitor, secret: str, *, look: Look) -> None:
    page = person.page
    page.get_by_role("button", name="Copy API key").click()
    with page.expect_download() as waiting:
        submit(page, "Download .env")
    assert waiting.value.path().read_text() == f"SWITCHYARD_API_KEY={secret}\n"
    with page.expect_download():
        submit(page, "Download .env")  # once more: the button is not busy for ever
    page.get_by_role("link", name="I have stored it").click()
    heading(person, "Checkout")
    expect(page.locator("main")).not_to_contain_text(secret)
    look("an API key")
    person.go("/api-keys/")
    look("API keys")


def verify_key(stack: Stack, secret: str) -> None:
    answer = httpx.post(
        f"{stack.site}/api/v1/keys/verify",
        headers={"Authorization": f"Bearer {secret}"},
        json={"key": secret},
        timeout=10,
    )
    assert (answer.status_code, answer.json()["code"]) == (200, "VALID"), answer.text


def see_the_call(person: Visitor, *, look: Look) -> None:
    page = person.page

    def shown() -> bool:
        person.go("/usage/calls/")
        return page.locator("main table tbody tr").count() > 0

    wait_for(shown, every=0.5)
    look("single calls")
    person.go("/usage/")
    expect(page.locator("#usage, .chart").first).to_be_visible()
    look("usage")


def make_webhook(person: Visitor, receiver: Receiver, *, look: Look) -> None:
    page = person.page
    person.go("/webhooks/")
    look("webhooks, none yet")
    page.get_by_role("link", name="Add endpoint").first.click()
    look("add an endpoint")
    page.get_by_label("Address").fill(receiver.url)
    page.get_by_label("Everything, also what is added later").check()
    submit(page, "Add endpoint")
    expect(page.locator(".code-block pre")).to_contain_text("whsec_")
    look("the signing secret, once")
    page.get_by_role("link", name="I have stored it").click()
    heading(person, "Endpoint")
    look("an endpoint")


def send_a_test(person: Visitor, receiver: Receiver, *, look: Look) -> None:
    page = person.page
    press(person, "Send test message")
    expect(page.get_by_text("Delivered").first).to_be_visible(timeout=20_000)
    assert [b'"webhook.test"' in each.body for each in receiver.messages] == [True]
    look("a delivery")
    for path in ("/webhooks/", "/webhooks/docs/"):
        person.go(path)
        look(path)


def start_trial(person: Visitor, *, look: Look) -> None:
    page = person.page
    person.go("/trials/")
    look("trials, none yet")
    page.get_by_role("link", name="Start trial").first.click()
    look("start a trial")
    submit(page, "Start trial")
    expect(page.locator(".code-block pre")).to_contain_text("sw_")
    look("the key of a trial, once")
    page.get_by_role("link", name="I have stored it").click()
    look("a trial")


def end_another_session(person: Visitor, other: Visitor, email: str, *, look: Look) -> None:
    """AUT-9: a browser that is signed out from afar is a stranger with its next request."""
    other.go("/login/")
    other.page.get_by_label("Email").fill(email)
    other.page.get_by_label("Password").fill(PASSWORD)
    press(other, "Sign in")
    other.page.wait_for_url(re.compile(r"/$"))
    page = person.page
    person.go("/security/sessions/")
    look("sessions")
    row = page.get_by_role("row").filter(has_not_text="This one").last
    row.get_by_text("Sign out").click()
    look("end a session")
    press(person, "Sign out")
    expect(page.get_by_role("row")).to_have_count(2)
    other.go("/team/")
    expect(other.page.get_by_role("heading", name="Sign in")).to_be_visible()


def let_programs_in(person: Visitor, *, look: Look) -> None:
    """AUT-11: an app on this computer and a machine without a browser, both named before a yes."""
    page, site = person.page, person.stack.site
    person.go(
        "/bridge/authorize?client_id=switchyard-desktop&state=drawn"
        f"&redirect_uri=http://127.0.0.1:9/back&code_challenge={'a' * 43}"
        "&code_challenge_method=S256&response_type=code"
    )
    look("an app asks")
    body = {"client_id": "switchyard-cli"}
    answer = httpx.post(f"{site}/api/v1/auth/device", json=body, timeout=10).json()
    person.go(f"/device/?code={answer['user_code']}")
    submit(page, "Go on")
    expect(page.get_by_role("heading", name="Let Switchyard CLI in?")).to_be_visible()
    look("a machine asks")
    press(person, "No")
    expect(page.get_by_text("was turned away")).to_be_visible()


def ring_the_bell(person: Visitor, *, look: Look) -> None:
    """The colleague who joined and the new key are told of; reading them silences the bell."""
    page = person.page
    person.go("/")
    bell = page.get_by_role("link", name=re.compile(r"^Notifications, \d+ new"))
    expect(bell).to_be_visible()
    bell.click()
    heading(person, "Notifications")
    look("notifications")
    submit(page, "Mark all as read")
    expect(page.get_by_role("link", name=re.compile(r"^Notifications, \d+ new"))).to_have_count(0)
    page.get_by_role("link", name="Rules").click()
    look("notification rules")


def read_the_trail(person: Visitor, *, look: Look) -> None:
    """AUD-8: the change of the colleague's role stands there with both sides of it."""
    page = person.page
    person.go("/logs/?entity_type=accounts_membership")
    look("audit log")
    page.get_by_role("link", name="Membership changed").first.click()
    role = page.get_by_role("row", name=re.compile("^role"))
    expect(role).to_contain_text("member")
    expect(role).to_contain_text("admin")
    look("an entry of the audit log")


def rename(person: Visitor, *, look: Look) -> None:
    page = person.page
    person.go("/settings/organization/")
    look("organization settings")
    page.get_by_label("Organization").fill("Analytical Engines Ltd")
    press(person, "Save")
    expect(page.get_by_text("Your organization is saved.")).to_be_visible()


def find(person: Visitor, *, look: Look) -> None:
    """What is found alone is opened at once; what is one of several is listed by its kind."""
    search = person.page.get_by_role("searchbox", name="Search everything").first
    search.fill("Checkout")
    search.press("Enter")
    heading(person, "Checkout")
    person.go("/search/?q=.example")
    expect(person.page.get_by_role("heading", name="Members")).to_be_visible()
    look("search")


def look_around(person: Visitor, *, look: Look) -> None:
    """The pages that the story has no business on."""
    for path in (
        "/first-steps/", "/organizations/", "/organizations/new/", "/team/transfer/",
        "/team/leave/", "/security/", "/security/tokens/", "/security/tokens/reports/",
        "/2fa/", "/2fa/totp/activate/", "/2fa/webauthn/", "/profile/", "/profile/data/",
        "/profile/picture/", "/email/", "/password/change/", "/device/",
        "/settings/account/close/", "/settings/organization/close/", "/search/", "/logs/",
    ):  # fmt: skip
        person.go(path)
        look(path)


@pytest.mark.parametrize(
    ("device", "viewport", "scheme"),
    [("desktop", DESKTOP, "light"), ("phone", PHONE, "dark")],
    ids=["desktop", "phone"],
)
def test_an_account_from_its_first_colleague_to_its_trail(
    visit: Any, stack: Stack, receiver: Receiver,
    device: str, viewport: dict[str, int], scheme: str,
) -> None:  # fmt: skip
    # A trial is given once to a mail domain.
    email, colleague = f"ada@{device}.example", f"grace@{device}.example"
    options = {"viewport": viewport, "color_scheme": scheme, "reduced_motion": "reduce"}
    person, guest = visit(**options), visit(**options)
    look = looker(person)
    sign_up(person, email, look=len)
    describe(person, goal="Look around", look=len)
    look("overview, new")
    invite(person, colleague, look=look)
    join(guest, colleague, look=looker(guest))
    change_role(person, colleague, look=look)
    secret = make_key(person, look=look)
    download_key(person, secret, look=look)
    verify_key(stack, secret)
    see_the_call(person, look=look)
    make_webhook(person, receiver, look=look)
    send_a_test(person, receiver, look=look)
    start_trial(person, look=look)
    end_another_session(person, visit(), email, look=look)
    let_programs_in(person, look=look)
    ring_the_bell(person, look=look)
    read_the_trail(person, look=look)
    rename(person, look=look)
    find(person, look=look)
    look_around(person, look=look)


def revoke(person: Visitor) -> None:
    page = person.page
    person.go("/api-keys/")
    page.get_by_role("link", name="Checkout").click()
    page.get_by_role("link", name="Revoke").click()
    heading(person, "Revoke Checkout?")
    press(person, "Revoke for good")
    expect(page.locator("main")).to_contain_text("Revoked")


def test_keys_invitations_trials_and_webhooks_work_without_javascript(
    visit: Any, stack: Stack, receiver: Receiver
) -> None:
    person = visit(java_script_enabled=False)
    sign_up(person, "ada@plain.example", look=len)
    describe(person, goal="Look around", look=len)
    invite(person, "grace@plain.example", look=len)
    secret = make_key(person, look=len)
    verify_key(stack, secret)
    revoke(person)
    answer = httpx.post(
        f"{stack.site}/api/v1/keys/verify",
        headers={"Authorization": f"Bearer {secret}"},
        json={"key": secret},
        timeout=10,
    )
    assert answer.status_code == 401
    make_webhook(person, receiver, look=len)
    start_trial(person, look=len)

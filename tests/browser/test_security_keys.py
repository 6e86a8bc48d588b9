"""Security keys, passkeys and a sign-in provider, in a real browser with a virtual authenticator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import CDPSession, expect

from accounts.standins.openid.server import OpenIdStandIn
from tests.browser.conftest import Visitor
from tests.stack import Stack, make_stack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
OWNER = "ines@halden.example"


@pytest.fixture(scope="module")
def openid() -> Iterator[OpenIdStandIn]:
    provider = OpenIdStandIn()
    provider.start()
    yield provider
    provider.stop()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, openid: OpenIdStandIn) -> Iterator[Stack]:
    """Site and back office under the name `localhost`: browsers give an address no keys."""
    stack = make_stack("keys", tmp_path_factory.mktemp("keys"))
    for name in ("SITE_URL", "BACKOFFICE_URL"):
        stack.env[name] = stack.env[name].replace("127.0.0.1", "localhost")
    stack.env |= {
        "OPENID_NAME": "Analytical Login",
        "OPENID_SERVER_URL": openid.url,
        "OPENID_CLIENT_ID": openid.client,
        "OPENID_CLIENT_SECRET": openid.secret,
    }
    try:
        stack.start("simstripe", "web", "backoffice")
        yield stack
    finally:
        stack.stop()


@pytest.fixture(scope="module")
def passwords(stack: Stack) -> dict[str, str]:
    return stack.seed()


@dataclass(frozen=True)
class Key:
    """A virtual authenticator in one browser."""

    session: CDPSession
    number: str

    def move_to(self, other: Key) -> None:
        """Plug what is on this key into another browser."""
        found = self.session.send("WebAuthn.getCredentials", {"authenticatorId": self.number})
        for credential in found["credentials"]:
            facts = {"authenticatorId": other.number, "credential": credential}
            other.session.send("WebAuthn.addCredential", facts)


def plug_in(visitor: Visitor) -> Key:
    """Give the browser an authenticator that answers at once, as one with a fingerprint does."""
    session = visitor.context.new_cdp_session(visitor.page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    made = session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return Key(session, made["authenticatorId"])


def press(visitor: Visitor, name: str) -> None:
    visitor.page.get_by_role("button", name=name, exact=True).click()


def type_password(visitor: Visitor, email: str, password: str) -> None:
    visitor.page.get_by_label("Email").fill(email)
    visitor.page.get_by_label("Password").fill(password)
    press(visitor, "Sign in")


def sign_out(visitor: Visitor) -> None:
    visitor.page.locator("summary[aria-label='Account menu']").click()
    press(visitor, "Sign out")
    expect(visitor.page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_passkey_is_added_used_as_second_factor_and_as_the_only_step(
    visit: Callable[..., Visitor], passwords: dict[str, str]
) -> None:
    """AUT-5: from adding it to signing in without a password, under the strict CSP."""
    person = visit()
    plug_in(person)
    page = person.page
    person.go("/login/")
    type_password(person, OWNER, passwords[OWNER])
    page.wait_for_url(f"{person.stack.site}/")
    person.go("/2fa/webauthn/")
    person.check("no key yet")
    page.get_by_role("link", name="Add key").click()
    person.check("add a key")
    page.get_by_label("Name").fill("My laptop")
    page.get_by_label("Passwordless").check()
    press(person, "Add key")
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    person.go("/2fa/webauthn/")
    expect(page.get_by_text("My laptop")).to_be_visible()
    person.check("the list of keys")
    person.go("/security/")
    person.check("security")
    person.go("/security/sessions/")
    person.check("sessions")
    sign_out(person)

    type_password(person, OWNER, passwords[OWNER])
    expect(page.get_by_role("heading", name="One more step")).to_be_visible()
    person.check("second step")
    press(person, "Use a security key")
    page.wait_for_url(f"{person.stack.site}/")
    sign_out(person)

    person.check("sign in")
    press(person, "Passkey")
    page.wait_for_url(f"{person.stack.site}/")
    person.go("/2fa/webauthn/")
    page.get_by_role("link", name="Remove").click()
    press(person, "Remove")
    expect(page.get_by_role("heading", name="No security key yet")).to_be_visible()


def test_a_key_that_does_not_answer_is_told_in_words(
    visit: Callable[..., Visitor], passwords: dict[str, str]
) -> None:
    person = visit()
    key = plug_in(person)
    person.go("/login/")
    off = {"authenticatorId": key.number, "isUserVerified": False}
    key.session.send("WebAuthn.setUserVerified", off)
    press(person, "Passkey")
    expect(person.page.locator("#key-refusal")).to_be_visible()


def test_staff_enrol_a_key_and_come_in_with_it(
    visit: Callable[..., Visitor], stack: Stack, passwords: dict[str, str]
) -> None:
    """AUT-4: any second factor opens the back office; a fresh one opens it at once."""
    email = next(each for each in passwords if each.endswith("@switchyard.example"))
    staff = visit()
    key = plug_in(staff)
    page = staff.page
    staff.go(stack.backoffice + "/")
    type_password(staff, email, passwords[email])
    expect(page.get_by_role("heading", name="Set up your second factor")).to_be_visible()
    page.get_by_role("link", name="Use a security key instead").click()
    press(staff, "Add key")
    page.wait_for_url("**/recovery-codes/")
    staff.go(stack.backoffice + "/admin/")
    assert page.url == f"{stack.backoffice}/admin/"

    again = visit()
    key.move_to(plug_in(again))
    again.go(stack.backoffice + "/")
    type_password(again, email, passwords[email])
    press(again, "Use a security key")
    again.page.wait_for_url(f"{stack.backoffice}/admin/")


def test_a_provider_signs_a_new_person_in(
    visit: Callable[..., Visitor], stack: Stack, openid: OpenIdStandIn
) -> None:
    """The form may lead to the provider under the CSP, and back."""
    person = visit()
    page = person.page
    person.go("/login/")
    press(person, "Analytical Login")
    page.get_by_role("button", name="Ada Byron").click()
    expect(page.get_by_role("heading", name="Welcome to Switchyard")).to_be_visible()
    person.go("/security/connections/")
    expect(page.get_by_text("ada@openid.example", exact=True)).to_be_visible()
    person.check("connected accounts")
    there = f"request to another host: {openid.url}"
    person.complaints[:] = [each for each in person.complaints if not each.startswith(there)]

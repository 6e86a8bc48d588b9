"""Profile, security and the organization switcher."""

from __future__ import annotations

from uuid import uuid4

import pytest

from accounts.middleware import SESSION_KEY
from accounts.models import Membership, User
from accounts.services.organizations import add_member
from accounts.web.browsers import browser_name
from accounts.web.countries import countries
from config.kit import context
from tests.conftest import People, WalledClient
from tests.factories.tokens import ApiClient


@pytest.mark.parametrize("path", ["/profile/", "/security/"])
def test_strangers_are_led_to_the_login_page(nobody: WalledClient, path: str) -> None:
    answer = nobody.get(path)
    assert (answer.status_code, answer["Location"]) == (302, f"/login/?next={path}")


def test_a_person_changes_their_profile(alice: WalledClient, people: People) -> None:
    form = {
        "first_name": "Alice",
        "last_name": "Ng",
        "phone": "+49 (0)30 123456",
        "time_zone": "Asia/Tokyo",
        "locale": "de",
    }
    assert alice.post("/profile/", form).status_code == 302
    stored = User.objects.get(pk=people.alice.pk)
    assert (stored.full_name, stored.time_zone) == ("Alice Ng", "Asia/Tokyo")
    assert (stored.phone, stored.locale) == ("+4930123456", "de")
    assert 'data-time-zone="Asia/Tokyo"' in alice.get("/profile/").content.decode()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("time_zone", "Mars/Olympus"),
        ("phone", "call me"),
        ("phone", "030 1234567"),
        ("locale", "tlh"),
        ("first_name", "x" * 101),
        ("last_name", "a\0b"),
    ],
)
def test_a_bad_profile_is_refused_beside_its_field(
    alice: WalledClient, field: str, value: str
) -> None:
    form = {"first_name": "A", "last_name": "B", "phone": "", "time_zone": "UTC", "locale": "en"}
    form |= {field: value}
    answer = alice.post("/profile/", form)
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]


def test_a_time_zone_of_one_person_does_not_leak_into_the_next_request(people: People) -> None:
    User.objects.filter(pk=people.alice.pk).update(time_zone="Asia/Tokyo")
    assert (
        'data-time-zone="Asia/Tokyo"'
        in people.client(people.alice).get("/profile/").content.decode()
    )
    assert 'data-time-zone="UTC"' in people.client(people.bob).get("/profile/").content.decode()


def test_the_security_page_lists_ones_own_sign_ins_and_no_others(people: People) -> None:
    client = WalledClient(headers={"User-Agent": "Mozilla/5.0 (X11; Linux) Firefox/143.0"})
    stranger = WalledClient(headers={"User-Agent": "Mozilla/5.0 (Windows) Edg/140"})
    for browser, name in ((client, "alice"), (stranger, "charlie")):
        sign_in = {"login": f"{name}@example.com", "password": "correct horse battery"}
        assert browser.post("/login/", sign_in).status_code == 302
    page = client.get("/security/").content.decode()
    assert "Firefox on Linux" in page
    assert "Edge on Windows" not in page
    ApiClient(User_Agent="curl/8.5").login()
    page = client.get("/security/").content.decode()
    assert "curl" in page
    assert "127.0.0.1, by the API" in page
    assert "by the API" not in stranger.get("/security/").content.decode()


def test_a_member_of_two_organizations_switches_between_them(people: People) -> None:
    with context.acting(organization_id=people.other.pk):
        add_member(people.other, user=people.alice, role=Membership.Role.READONLY)
    client = people.client(people.alice)
    assert "Northwind" in client.get("/profile/").content.decode()
    answer = client.post("/organizations/switch/", {"organization": str(people.other.pk)})
    assert answer.status_code == 302
    assert client.session[SESSION_KEY] == str(people.other.pk)
    assert client.get("/profile/").context["organization"] == people.other


@pytest.mark.parametrize("wanted", ["theirs", "unknown", "", "not-a-uuid", "a\0b"])
def test_switching_to_a_strangers_organization_looks_like_none(
    alice: WalledClient, people: People, wanted: str
) -> None:
    value = {"theirs": str(people.other.pk), "unknown": str(uuid4())}.get(wanted, wanted)
    assert alice.post("/organizations/switch/", {"organization": value}).status_code == 404
    assert SESSION_KEY not in alice.session


def test_switching_by_a_link_is_refused(alice: WalledClient) -> None:
    assert alice.get("/organizations/switch/").status_code == 405


def test_a_session_that_remembers_a_left_organization_falls_back_to_ones_own(
    alice: WalledClient, people: People
) -> None:
    session = alice.session
    session[SESSION_KEY] = str(people.other.pk)
    session.save()
    assert alice.get("/profile/").context["organization"] == people.organization


def test_the_countries_are_those_of_iso_3166() -> None:
    codes = dict(countries())
    assert len(codes) == 249
    assert codes["DE"] == "Germany"
    assert not {"EU", "UK", "XK", "ZZ"} & set(codes)


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 19) Version/19 Safari/605", "Safari on iPhone"),
        ("curl/8.9", "curl"),
        ("", "An unknown browser"),
    ],
)
def test_browsers_are_called_by_their_names(user_agent: str, name: str) -> None:
    assert browser_name(user_agent) == name

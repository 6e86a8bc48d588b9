"""The frame around every page: menus that lead somewhere, themes, headers, error pages."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.http import HttpRequest
from django.test import Client, RequestFactory

from accounts.models import Membership
from config.kit import context
from config.web.context_processors import shell
from config.web.errors import too_many_requests
from tests.conftest import People, WalledClient


@pytest.mark.parametrize("role", ["owner", "admin", "member", "readonly"])
def test_every_entry_of_every_menu_opens_for_who_sees_it(people: People, role: str) -> None:
    with context.acting(organization_id=people.organization.pk):
        Membership.objects.filter(user=people.bob).update(role=role)
    bob = people.client(people.bob)
    facts = bob.get("/profile/").context
    entries = [item for group in facts["navigation"] for item in group["items"]]
    menus = ("create_menu", "account_menu", "organization_menu", "footer_links")
    for item in [*entries, *(item for menu in menus for item in facts[menu])]:
        assert bob.get(item["url"]).status_code == 200, item["label"]


def test_who_may_not_read_the_trail_is_not_led_there(people: People) -> None:
    """Alice owns, Bob is a member, Charlie owns elsewhere."""

    def names(client: WalledClient) -> set[str]:
        groups = client.get("/profile/").context["navigation"]
        return {item["id"] for group in groups for item in group["items"]}

    alice, bob, charlie = (
        names(people.client(user)) for user in (people.alice, people.bob, people.charlie)
    )
    assert "logs" in alice
    assert alice == charlie
    assert alice - bob == {"logs"}


def test_keys_are_unique(alice: WalledClient) -> None:
    groups = alice.get("/profile/").context["navigation"]
    keys = [item["key"] for group in groups for item in group["items"] if item["key"]]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize(
    ("path", "entry"),
    [("/", "overview"), ("/profile/", "profile"), ("/billing/invoices/", "billing"), ("/2fa/", "")],
)
def test_the_menu_marks_where_one_is(alice: WalledClient, path: str, entry: str) -> None:
    page = alice.get(path)
    assert page.context["active_nav"] == entry
    assert page.content.decode().count('aria-current="page"') >= bool(entry)


def test_who_may_not_buy_is_not_offered_to(bob: WalledClient) -> None:
    assert bob.get("/profile/").context["create_menu"] == []


def test_the_switcher_lists_ones_own_organizations_only(people: People) -> None:
    with context.acting(organization_id=people.other.pk):
        Membership.objects.create(organization=people.other, user=people.bob, role="member")
    names = {
        name: [str(each) for each in people.client(user).get("/profile/").context["organizations"]]
        for name, user in (("alice", people.alice), ("bob", people.bob))
    }
    assert names == {"alice": ["Northwind"], "bob": ["Northwind", "Southwind"]}


@pytest.mark.parametrize(
    ("cookie", "theme"), [("dark", "dark"), ("light", "light"), ('"><b>', ""), ("", "")]
)
def test_only_known_themes_are_taken_from_the_cookie(cookie: str, theme: str) -> None:
    request = RequestFactory().get("/")
    request.COOKIES["theme"] = cookie
    assert shell(request)["theme"] == theme


def test_the_shell_asks_no_database(people: People) -> None:
    request: HttpRequest = RequestFactory().get("/")
    with context.acting(user_id=people.alice.pk):
        membership = Membership.objects.select_related("organization", "user").get(
            user=people.alice
        )
    request.membership, request.memberships = membership, [membership]  # type: ignore[attr-defined]
    with connection.execute_wrapper(_refuse):
        assert shell(request)["organization"] == people.organization
        assert "organization" not in shell(RequestFactory().get("/"))


def test_the_back_office_gets_a_shell_without_the_sites_menus(settings: Any) -> None:
    settings.BACKOFFICE, settings.DEMO = True, True
    settings.ROOT_URLCONF = "config.urls_backoffice"
    facts = shell(RequestFactory().get("/"))
    assert facts["footer_links"] == [{"label": "Customer site", "url": settings.SITE_URL}]
    assert not facts["demo"]
    assert "navigation" not in facts


def _refuse(*_: object) -> None:
    raise AssertionError("the shell asked the database")


@pytest.mark.parametrize(
    "path", ["/login/", "/profile/", "/nothing/", "/api/docs/", "/api/v1/nothing"]
)
def test_every_answer_has_the_strict_policy_and_a_request_id(
    alice: WalledClient, path: str
) -> None:
    answer = alice.get(path)
    policy = answer["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert answer["X-Request-Id"]
    assert answer["X-Frame-Options"] == "DENY"


def test_a_page_that_is_not_there_says_so_with_the_request_id(db: None) -> None:
    answer = Client().get("/nothing/", headers={"X-Request-Id": "ask-me-about-this"})
    assert answer.status_code == 404
    assert "There is nothing here" in answer.content.decode()
    assert "ask-me-about-this" in answer.content.decode()


def test_a_program_gets_a_problem_document_instead(db: None) -> None:
    answer = Client().get("/api/v1/nothing")
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
    assert answer.json()["code"] == "not_found"


def test_a_script_gets_the_words_of_a_refusal_and_a_person_its_page(people: People) -> None:
    alice = people.client(people.alice)
    said = "An organization needs an owner. Make somebody else an owner first."
    answer = alice.post("/team/leave/", headers={"HX-Request": "true"})
    assert (answer.status_code, answer["Content-Type"]) == (409, "application/problem+json")
    assert (answer.json()["code"], answer.json()["detail"]) == ("last_owner", said)
    page = alice.post("/team/leave/")
    assert (page.status_code, page["Content-Type"]) == (409, "text/html; charset=utf-8")
    assert said in page.content.decode()


def test_a_form_without_its_token_is_refused_with_a_page(people: People) -> None:
    answer = Client(enforce_csrf_checks=True).post("/login/", {"login": "a", "password": "b"})
    assert answer.status_code == 403
    assert "Please send that again" in answer.content.decode()


def test_allauths_rate_limits_answer_429_with_a_time(people: People) -> None:
    client = WalledClient()
    form = {"email": "agnes@example.com"}
    statuses = [client.post("/password/reset/", form).status_code for _ in range(5)]
    assert statuses == [302] * 5
    refused = client.post("/password/reset/", form)
    assert (refused.status_code, refused["Retry-After"]) == (429, "60")


def test_when_nothing_can_be_counted_the_answer_is_503_and_not_too_many(redis_away: None) -> None:
    answer = too_many_requests(RequestFactory().post("/login/"))
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")


def test_reports_of_broken_policies_are_taken_from_anybody_and_cut_short(db: None) -> None:
    answer = Client(enforce_csrf_checks=True).post(
        "/csp-report/", b"\xff" * 100_000, content_type="application/csp-report"
    )
    assert answer.status_code == 204


def test_health_and_readiness_answer_without_a_login(db: None) -> None:
    assert Client().get("/healthz").content == b"ok"
    assert Client().get("/readyz").json() == {
        "postgresql": "ok",
        "redis": "ok",
        "migrations": "ok",
    }


def test_the_api_documentation_is_made_of_our_own_files(db: None) -> None:
    page = Client().get("/api/docs/").content.decode()
    assert "https://" not in page
    script = Client().get("/api/docs/?script=").content.decode()
    assert "validatorUrl: null" in script
    assert "https://" not in script


def test_the_schema_is_served_to_anybody(db: None) -> None:
    answer = Client().get("/api/schema/", headers={"Accept": "application/json"})
    assert answer.status_code == 200
    assert answer.json()["openapi"].startswith("3.")

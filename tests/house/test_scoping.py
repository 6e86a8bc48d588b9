"""Alice (owner), Bob (member), Charlie (stranger) and nobody are asked of every route.

A new route is asked too, without anybody adding it here; one that needs a parameter unknown to
`world` (tests/house/conftest.py) fails until the world has it.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from django.conf import settings

from tests.conftest import WalledClient
from tests.house.conftest import Standing
from tests.house.routes import Route, routes

# Who may come without an account: the doors themselves, programs with a credential of their own,
# machines, and the API's description.
OPEN_PAGES = {
    "account_login", "account_signup", "account_reset_password", "account_reset_password_done",
    "account_reset_password_from_key", "account_reset_password_from_key_done",
    "account_email_verification_sent", "account_confirm_email", "account_inactive",
    "account_confirm_login_code", "account_logout", "mfa_authenticate", "health", "readiness",
    "csp_report", "api_docs", "api_schema", "api_public_settings", "demo_mail", "demo_mail_message", "demo_mail_html",
    "webhook_stripe", "api_license_validate", "api_key_verify", "api_license_activate", "api_license_deactivate",
    "socialaccount_signup", "socialaccount_login_cancelled", "socialaccount_login_error",
    "openid_login", "openid_callback", "google_login", "google_callback", "github_login",
    "github_callback", "microsoft_login", "microsoft_callback", "mfa_login_webauthn",
    "api_auth_login", "api_auth_second_factor", "api_auth_refresh", "api_bridge_redeem",
    "api_device", "api_device_token", "jwks",
    "api_device_heartbeat", "invitation", "invitation_sign_up",
    "support_view", "support_view_end", "support_view_over",
}  # fmt: skip
METHODS = ("get", "post")
ALL = routes()
OBJECTS = [route for route in ALL if any(name.endswith("_id") for name in route.parameters)]


def _is_refused(answer: Any) -> bool:
    if answer.status_code in (401, 403, 405):
        return True
    return answer.status_code == 302 and settings.LOGIN_URL_PATH in answer.headers["Location"]


@pytest.fixture(autouse=True)
def login_path(settings: Any) -> None:
    settings.LOGIN_URL_PATH = "/login/"


@pytest.mark.parametrize("route", ALL, ids=lambda route: route.template)
def test_nobody_comes_in_without_an_account(standing: Standing, route: Route) -> None:
    for method in METHODS:
        answer = standing.ask(WalledClient(), method, route.path(standing.things))
        assert answer.status_code < 500
        if route.name not in OPEN_PAGES:
            assert _is_refused(answer), (method, answer.status_code)


@pytest.mark.parametrize("route", ALL, ids=lambda route: route.template)
def test_members_are_answered_and_never_with_an_error_of_ours(
    standing: Standing, route: Route
) -> None:
    people = standing.people
    for user, method in product((people.alice, people.bob), METHODS):
        answer = standing.ask(people.client(user), method, route.path(standing.things))
        assert answer.status_code < 500, answer.content[:300]
        if method == "get" and route in OBJECTS and answer.status_code != 405:
            assert answer.status_code != 404, "a member knows the organization's objects"


@pytest.mark.parametrize("route", OBJECTS, ids=lambda route: route.template)
def test_a_strangers_object_looks_unknown(standing: Standing, route: Route) -> None:
    charlie = standing.people.client(standing.people.charlie)
    unknown = dict.fromkeys(standing.things, "01900000-0000-7000-8000-000000000000")
    for method in METHODS:
        answer = standing.ask(charlie, method, route.path(standing.things))
        same = standing.ask(charlie, method, route.path(unknown))
        assert answer.status_code == same.status_code
        assert answer.status_code in (401, 404, 405), (method, answer.status_code)
        if route.is_api and answer.status_code == 404:
            assert {**answer.json(), "request_id": ""} == {**same.json(), "request_id": ""}


def test_the_walk_finds_the_site() -> None:
    names = {route.name for route in ALL}
    assert len(ALL) > 60
    assert {"overview", "licenses", "api_orders", "api_license_activate", "webhook_stripe"} <= names

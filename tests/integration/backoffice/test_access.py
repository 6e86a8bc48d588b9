"""ADM-1, ADM-2: who may do what in the back office: every address, every role, every verb."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from accounts.models import User
from accounts.rules.roles import STAFF_PERMISSIONS, PlatformRole, staff_allows
from accounts.services.factors import has_second_factor
from accounts.services.users import create_user
from config.kit.asking import AskedAction
from config.kit.backoffice import StaffAdmin
from support.admin.libraries import OURS
from tests.integration.backoffice.conftest import LISTS, PAGES, enrol, enter, member_of_staff

OPEN = {"health", "readiness", "csp_report"}


def routes(patterns: Any = None, prefix: str = "/") -> Iterator[tuple[str, str]]:
    """Yield the address and name of every route, with a row's key filled in."""
    for entry in patterns or get_resolver("config.urls_backoffice").url_patterns:
        text = prefix + str(entry.pattern).removeprefix("^").removesuffix("$").removesuffix("\\Z")
        if isinstance(entry, URLResolver):
            yield from routes(entry.url_patterns, text)
        elif isinstance(entry, URLPattern):
            yield re.sub(r"<[^>]+>|\(\?P.*", "1", text), entry.name or ""


ADMIN = sorted({address for address, _ in routes() if address.startswith("/admin/")})


def test_nobody_reaches_nothing_but_the_door(db: None) -> None:
    for address in ADMIN:
        for verb in ("get", "post"):
            answer = getattr(Client(), verb)(address)
            door = answer.status_code == 302 and "/login/" in answer["Location"]
            signing = address in ("/admin/logout/", "/admin/password_change/", "/admin/jsi18n/")
            refused = answer.status_code in (403, 404, 405)
            assert door or signing or refused, (verb, address, answer.status_code)


def test_a_customer_is_told_that_this_is_no_place_for_customers(db: None) -> None:
    client = enter(create_user("carla@example.com", "correct horse battery"))
    for address in ADMIN:
        for verb in ("get", "post"):
            answer = getattr(client, verb)(address)
            assert answer.status_code == 302, (verb, address)
            assert answer["Location"] == "/accounts/customers-only/"
    assert client.get("/accounts/customers-only/").status_code == 403


@pytest.mark.parametrize("role", ["admin", "support", "readonly"])
def test_staff_without_a_second_factor_are_sent_to_enrol(role: str, db: None) -> None:
    user = create_user(f"{role}@new.example", "correct horse battery", role=role)
    client = enter(user, methods=("password",))
    for address in ADMIN:
        for verb in ("get", "post"):
            answer = getattr(client, verb)(address)
            assert answer.status_code == 302, (verb, address)
            assert answer["Location"] == reverse("mfa_activate_totp")


def test_a_session_that_skipped_the_second_factor_is_ended(db: None) -> None:
    for address in ADMIN:
        client = enter(member_of_staff("admin"), methods=("password",))
        answer = client.get(address)
        assert answer.status_code == 302, address
        assert answer["Location"] == reverse("account_login")
        assert not client.session.keys()


def test_only_signing_in_lives_where_the_guard_lets_everybody_through() -> None:
    """The guard exempts /accounts/: the admin's page of that app must not be there."""
    exempt = {name for address, name in routes() if address.startswith("/accounts/")}
    assert all(name.startswith(("account_", "mfa_", "backoffice_")) for name in exempt), exempt


def test_there_is_no_sign_up(db: None) -> None:
    assert "account_signup" not in {name for _, name in routes()}
    assert Client().get("/accounts/signup/").status_code == 404


def test_health_needs_no_door(db: None) -> None:
    assert Client().get("/healthz").status_code == 200
    assert Client().get("/readyz").status_code == 200


# What each role may do with each list, besides looking: the table of allowed verbs.
ADDING = {"admin": {"billing.product", "billing.price"}, "support": set(), "readonly": set()}
CHANGING = {"admin": {"billing.product"}, "support": set(), "readonly": set()}
ACTIONS: dict[str, dict[str, set[str]]] = {
    "readonly": {},
    "support": {
        "accounts.user": {"note"},
        "accounts.apikey": {"disable", "enable"},
        "accounts.webhookdelivery": {"replay"},
        "billing.stripeevent": {"replay"},
        "licensing.license": {"suspend", "reinstate", "export_csv"},
        "licensing.devicelink": {"deactivate", "export_csv"},
        "licensing.trialworkspace": {"extend_7", "extend_14", "extend_30"},
        "support.adminnote": {"flag", "unflag"},
    },
    "admin": {
        "accounts.user": {
            "note", "suspend", "reinstate", "look", "reset_factor", "change_role", "export_csv",
        },
        "accounts.organization": {"suspend", "reinstate", "restore", "export_csv"},
        "accounts.apikey": {
            "disable", "enable", "revoke", "grant_platform_verify", "withdraw_platform_verify",
            "export_csv",
        },
        "accounts.webhookendpoint": {"enable", "disable", "export_csv"},
        "accounts.webhookdelivery": {"replay"},
        "accounts.auditlog": {"export_csv"},
        "accounts.trailalert": {"resolve"},
        "billing.price": {"withdraw"},
        "billing.subscription": {"export_csv"},
        "billing.order": {"export_csv"},
        "billing.invoice": {"export_csv"},
        "billing.paymentattempt": {"export_csv"},
        "billing.transaction": {"export_csv"},
        "billing.stripeevent": {"replay"},
        "licensing.license": {"suspend", "reinstate", "revoke", "export_csv"},
        "licensing.devicelink": {"deactivate", "export_csv"},
        "licensing.trialworkspace": {
            "extend_7", "extend_14", "extend_30", "cancel", "export_csv",
        },
        "support.adminnote": {"flag", "unflag"},
    },
}  # fmt: skip
# Pages of the machinery: every role looks; who may start a failed task again.
MACHINERY = ("operations_database", "operations_jobs", "operations_backups")
RETRYING = {"admin", "support"}


def label(model: Any) -> str:
    return str(model._meta.label_lower)


def address_of(model: Any, view: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{view}", args=args)


@pytest.mark.parametrize("role", ["readonly", "support", "admin"])
def test_the_table_of_allowed_verbs_holds(role: str, house: None) -> None:
    client = enter(member_of_staff(role))
    for model in LISTS:
        row = model._default_manager.order_by("-pk").first()
        change = address_of(model, "change", row.pk)
        assert client.get(address_of(model, "changelist")).status_code == 200, model
        assert client.get(change).status_code == 200, model
        adding = label(model) in ADDING[role]
        assert client.get(address_of(model, "add")).status_code == (200 if adding else 403)
        if not adding:
            assert client.post(address_of(model, "add"), {}).status_code == 403, model
        if label(model) not in CHANGING[role]:
            assert client.post(change, {}).status_code == 403, model
        for verb in ("get", "post"):
            answer = getattr(client, verb)(address_of(model, "delete", row.pk), {"post": "yes"})
            assert answer.status_code == 403, model


@pytest.mark.parametrize("role", ["readonly", "support", "admin"])
def test_a_role_runs_exactly_its_actions(role: str, house: None) -> None:
    """Each on its page and from the list alike; readonly has none at all, no export either."""
    client = enter(member_of_staff(role))
    allowed: dict[str, set[str]] = {}
    for model, page in LISTS.items():
        row = model._default_manager.order_by("-pk").first()
        for asked in page.asked_actions:
            answer = client.get(address_of(model, asked.name, row.pk))
            assert answer.status_code in (200, 403), (model, asked.name)
            posted = client.post(address_of(model, asked.name, row.pk), {})
            assert (posted.status_code == 403) == (answer.status_code == 403)
            if answer.status_code == 200:
                allowed.setdefault(label(model), set()).add(asked.name)
        alone = {asked.name for asked in page.asked_actions if asked.leads_to}
        for name in names_of(page):
            chosen = {"action": name, "_selected_action": [str(row.pk)]}
            answer = client.post(address_of(model, "changelist"), chosen)
            offered = b'name="confirmed"' in answer.content
            if page.export and name == page.export.name and offered:
                allowed.setdefault(label(model), set()).add(name)
            assert offered == (name in allowed.get(label(model), set()) - alone), (model, name)
    assert allowed == ACTIONS[role]


@pytest.mark.parametrize("role", ["readonly", "support", "admin"])
def test_every_role_sees_the_machinery_and_the_settings(role: str, db: None) -> None:
    """ADM-1: no page of the machinery but the second try of a task takes a POST."""
    client = enter(member_of_staff(role))
    for name in MACHINERY:
        assert client.get(reverse(name)).status_code == 200
        assert client.post(reverse(name)).status_code == 405
    retry = client.get(reverse("operations_retry", args=[uuid4()]))
    assert (retry.status_code == 403) == (role not in RETRYING)
    page = client.get(reverse("admin:constance_config_changelist")).content.decode()
    form = page.partition("bo-settings")[2].partition("</form>")[0]
    assert ('type="submit"' in form) == (role == "admin")


def test_nothing_is_imported_and_nothing_offers_it() -> None:
    """ADM-2: there is no import; if one comes, it comes with its own permission and test."""
    assert not [address for address in ADMIN if "import" in address]


def names_of(page: Any) -> list[str]:
    exports = [page.export.name] if page.export else []
    return [*(asked.name for asked in page.asked_actions), *exports]


def test_every_action_names_a_permission_that_a_role_holds() -> None:
    known = frozenset[str]().union(*STAFF_PERMISSIONS.values())
    for page in LISTS.values():
        assert isinstance(page, StaffAdmin)
        assert not page.actions_list
        assert not page.actions_row
        assert not page.actions_submit_line
        assert not page.actions
        assert set(page.actions_detail) == {asked.name for asked in page.asked_actions}
        for asked in [*page.asked_actions, *filter(None, [page.export])]:
            assert asked.permission in known, asked
            if isinstance(asked, AskedAction):
                assert asked.effect.endswith(".")


def test_no_list_but_ours_is_in_the_back_office() -> None:
    """A model that a library registers would come with its own actions and no guard."""
    assert {model._meta.app_label for model in PAGES} == OURS - {"cloud", "iot"}
    assert len(PAGES) == len(LISTS) + 1, "the settings alone have no rows"


def snapshot() -> dict[str, Any]:
    """Return how often each table was written in this database, by PostgreSQL's own count."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_xact_user_tables"
            " WHERE relname NOT LIKE 'logs%' AND relname <> 'pii'"
        )
        return dict(cursor.fetchall())


def test_no_get_changes_a_row(admin: Client, house: None) -> None:
    before = snapshot()
    for address in ADMIN:
        if address not in ("/admin/logout/", "/admin/login/"):
            admin.get(address)
    for model, page in LISTS.items():
        row = model._default_manager.order_by("-pk").first()
        admin.get(address_of(model, "change", row.pk))
        for asked in page.asked_actions:
            admin.get(address_of(model, asked.name, row.pk), {"confirmed": "yes", "reason": "x"})
        for name in names_of(page):
            query = {"action": name, "_selected_action": str(row.pk), "confirmed": "yes"}
            admin.get(address_of(model, "changelist"), query)
    changed = {table for table, count in snapshot().items() if count != before.get(table, 0)}
    # Reading the trail is itself written down, once a session (AUD-11).
    assert changed <= {"django_session", "accounts_useractivity"}


@pytest.mark.parametrize("role", ["support", "readonly"])
def test_below_admin_nobody_changes_roles_or_standing(role: str, house: None) -> None:
    client = enter(member_of_staff(role))
    target = User.objects.get(email="owner0@example.com")
    enrol(target)
    fields = {"role": "admin", "is_superuser": "on", "status": "suspended", "reason": "no"}
    for view in ("change", "suspend", "reinstate", "change_role", "reset_factor", "look"):
        assert client.post(address_of(User, view, target.pk), fields).status_code == 403
    target.refresh_from_db()
    assert (target.role, target.status, target.is_superuser) == ("customer", "active", False)
    assert has_second_factor(target)


def test_a_superuser_is_bound_by_the_guards_too(house: None) -> None:
    """Break-glass opens every action, and still nobody edits money or the trail by hand."""
    client = enter(member_of_staff("admin", is_superuser=True))
    for model in LISTS:
        row = model._default_manager.order_by("-pk").first()
        assert client.post(address_of(model, "delete", row.pk), {"post": "yes"}).status_code == 403
        if label(model) not in CHANGING["admin"]:
            assert client.post(address_of(model, "change", row.pk), {}).status_code == 403


def test_a_permission_is_granted_by_name_and_never_by_prefix() -> None:
    assert staff_allows(PlatformRole.READONLY, "billing.view_invoice")
    assert not staff_allows(PlatformRole.READONLY, "billing.export_invoice")
    assert not staff_allows(PlatformRole.CUSTOMER, "billing.view_invoice")

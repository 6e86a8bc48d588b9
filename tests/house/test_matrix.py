"""API-1: every route of the API, every method, every kind of caller.

The routes come from the URL configuration and what they need from their views, so a new route is
asked without anybody adding it here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import transaction

from accounts.api.permissions import IsMember
from accounts.models import Membership, Organization, User
from accounts.rules.roles import OrganizationRole, organization_allows
from accounts.rules.scopes import GRANTABLE, scope_for
from accounts.services import keys
from accounts.services.organizations import add_member
from accounts.services.users import create_user
from tests.conftest import People
from tests.house.conftest import Standing
from tests.house.routes import Route, routes

METHODS = ("get", "post", "patch", "put", "delete")
REFUSED = (401, 403, 404, 405)
# Views that ask for no membership: the doors, programs with a credential of their own, what is
# the person's alone and not the organization's, and what anybody may read.
OUTSIDE = {
    "api_auth_login", "api_auth_logout", "api_auth_logout_everywhere", "api_auth_refresh",
    "api_auth_second_factor", "api_bridge_redeem", "api_device", "api_device_heartbeat",
    "api_device_token", "api_key_verify", "api_license_activate", "api_license_deactivate",
    "api_license_validate", "api_public_settings", "api_session", "api_sessions", "api_token", "api_tokens",
    "api_sync", "api_sync_events",
}  # fmt: skip


@dataclass(frozen=True)
class Call:
    """One method of one route, and what its view says about who may."""

    route: Route
    method: str
    view: Any

    @property
    def needed(self) -> str:
        return str(getattr(self.view, "needs", {}).get(self.method.upper(), "view"))

    @property
    def area(self) -> str:
        return str(getattr(self.view, "area", ""))

    @property
    def scope(self) -> str:
        return scope_for(self.area, self.method.upper())

    @property
    def is_about_an_object(self) -> bool:
        return any(name.endswith("_id") for name in self.route.parameters)

    @property
    def admits_keys(self) -> bool:
        return bool(self.area) and organization_allows(OrganizationRole.ADMIN, self.needed)

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.route.template}"


def _views() -> Iterator[tuple[Route, Any]]:
    for route in routes():
        view = getattr(route.callback, "cls", None)
        if route.template.startswith("/api/v1/"):
            yield route, view


CALLS = [
    Call(route, method, view)
    for route, view in _views()
    if view is not None and IsMember in view.permission_classes
    for method in METHODS
    if hasattr(view, method)
]


class Caller:
    """Asks one call as different people and programs; every request is undone."""

    def __init__(self, call: Call, standing: Standing) -> None:
        self.call, self.standing, self.people = call, standing, standing.people

    def person(self, user: User | None) -> Any:
        return self._ask(self.people.client(user))

    def member(self, role: str) -> Any:
        user = create_user(f"{role}@example.com", "correct horse battery")
        add_member(self.people.organization, user=user, role=role)
        return self.person(user)

    def program(self, scopes: set[str]) -> Any:
        _, secret = keys.issue_key(
            self.people.organization, name="Program", scopes=sorted(scopes), by=self.people.alice
        )
        return self._ask(self.people.client(None), Authorization=f"Bearer {secret}")

    def of_a_suspended_organization(self) -> Any:
        mine = Organization.objects.filter(pk=self.people.organization.pk)
        mine.update(status="suspended")
        return self.person(self.people.alice)

    def _ask(self, client: Any, **headers: str) -> Any:
        path = self.call.route.path(self.standing.things)
        return self.standing.ask(client, self.call.method, path, **headers)


def _of_a_program(answer: Any, call: Call, *, has_scope: bool) -> bool:
    if not call.admits_keys:
        return answer.status_code == 403 and answer.json()["code"] == "person_required"
    if not has_scope:
        return answer.status_code == 403 and answer.json()["code"] == "insufficient_scope"
    return answer.status_code not in REFUSED


def _of_a_member(answer: Any, call: Call, role: str) -> bool:
    if organization_allows(Membership.Role(role), call.needed):
        return answer.status_code not in (401, 403)
    return bool(answer.status_code == 403)


def _of_a_stranger(answer: Any, call: Call, people: People) -> bool:
    if call.is_about_an_object:
        return bool(answer.status_code == 404)
    return str(people.organization.pk) not in answer.content.decode(errors="replace")


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_every_kind_of_caller_gets_the_answer_that_is_due(standing: Standing, call: Call) -> None:
    caller, people = Caller(call, standing), standing.people
    with transaction.atomic():
        wrong = _wrong_answers(caller, call, people)
        transaction.set_rollback(True)
    assert wrong == {}


def _wrong_answers(caller: Caller, call: Call, people: People) -> dict[str, Any]:
    """Ask as everybody; return the answers that are not due, by who got them."""
    answers: dict[str, tuple[Any, Callable[[Any], bool]]] = {
        "nobody": (caller.person(None), lambda answer: answer.status_code == 401),
        "owner": (caller.person(people.alice), lambda answer: answer.status_code not in REFUSED),
        "member": (caller.member("member"), lambda answer: _of_a_member(answer, call, "member")),
        "readonly": (
            caller.member("readonly"),
            lambda answer: _of_a_member(answer, call, "readonly"),
        ),
        "stranger": (
            caller.person(people.charlie),
            lambda answer: _of_a_stranger(answer, call, people),
        ),
        "program without the scope": (
            caller.program(set(GRANTABLE) - {call.scope}),
            lambda answer: _of_a_program(answer, call, has_scope=False),
        ),
        "program with the scope": (
            caller.program({call.scope} & GRANTABLE),
            lambda answer: _of_a_program(answer, call, has_scope=True),
        ),
    }
    answers["owner of a suspended organization"] = (
        caller.of_a_suspended_organization(),
        lambda answer: answer.status_code == 403,
    )
    return {
        who: (answer.status_code, answer.content[:200])
        for who, (answer, is_due) in answers.items()
        if answer.status_code >= 500 or not is_due(answer)
    }


def test_the_matrix_covers_the_api() -> None:
    """A view that asks for no membership is named above; every other is in the matrix."""
    asked = {call.route.name for call in CALLS}
    outside = {route.name for route, _ in _views()} - asked
    assert len(CALLS) > 60
    assert outside == OUTSIDE

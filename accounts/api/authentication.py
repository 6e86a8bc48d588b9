"""Credentials of the REST API: an access token, an API key, or the dashboard's own session."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.utils.timezone import now
from rest_framework import authentication

from accounts.middleware import carries_credential, chosen_membership, memberships_of
from accounts.models import Membership, Organization
from accounts.services import keys
from accounts.services.tokens.checking import person_of
from accounts.services.tokens.coding import read_access_token
from config.kit import context
from config.kit.errors import NotFound

KEY_PREFIX = "sw_"
ORGANIZATION_HEADER = "Switchyard-Organization"


class BearerAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer …`: a person's access token, or an organization's API key (sw_…).

    It is the only thing that counts then: cookies are ignored and no CSRF token is asked for. A
    credential that is not good is refused, never passed on to the next way in.
    """

    def authenticate(self, request: Any) -> tuple[Any, Any] | None:
        if not carries_credential(request._request):
            return None
        secret = request.headers["Authorization"].partition(" ")[2]
        if secret.startswith(KEY_PREFIX):
            return _as_program(request._request, secret)
        return _as_person(request._request, secret)

    def authenticate_header(self, request: Any) -> str:
        return 'Bearer realm="switchyard"'


class SessionAuthentication(authentication.SessionAuthentication):
    """The dashboard's own session, with CSRF enforced; nobody answers 401, not 403."""

    def authenticate_header(self, request: Any) -> str:
        return 'Session realm="switchyard"'


def _as_person(request: Any, secret: str) -> tuple[Any, Any]:
    token = read_access_token(secret)
    user = person_of(token)
    here = _here()
    here.actor_kind, here.actor_id, here.user_id = "user", str(user.pk), user.pk
    here.organization_id = here.impersonator_id = None
    memberships = memberships_of(user)
    membership = _wanted(memberships, request.headers.get(ORGANIZATION_HEADER))
    request.memberships = memberships
    request.membership = membership
    request.organization = membership.organization if membership else None
    if membership is not None:
        here.organization_id = membership.organization_id
    return user, token


def _as_program(request: Any, secret: str) -> tuple[Any, Any]:
    here = _here()
    credential = keys.authenticate(secret, ip=here.ip, at=now())
    here.actor_kind, here.actor_id = "api_key", str(credential.key_id)
    here.user_id, here.organization_id = None, credential.organization_id
    here.impersonator_id = None
    request.memberships, request.membership = [], None
    request.organization = Organization.objects.get(pk=credential.organization_id)
    request.api_key = credential
    return AnonymousUser(), credential


def _wanted(memberships: list[Membership], header: str | None) -> Membership | None:
    """Return the membership to act by: the one the header names, else the oldest.

    An organization that the person does not belong to looks unknown.
    """
    if header is None:
        return chosen_membership(memberships, None)
    try:
        key = UUID(header)
    except ValueError:
        key = None
    found = next((each for each in memberships if each.organization_id == key), None)
    if found is None:
        raise NotFound(f"You belong to no organization that {ORGANIZATION_HEADER} names.")
    return found


def _here() -> context.Context:
    here = context.current()
    assert here is not None, "RequestContextMiddleware comes first"
    return here

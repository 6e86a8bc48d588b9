"""Guests who sign up through the link of an invitation: their address is proven, they join at once."""

from __future__ import annotations

from typing import Any

from django.utils.timezone import now

from accounts.middleware import SESSION_KEY
from accounts.models import User
from accounts.services.team import reception
from accounts.services.users import found_personal_organization
from config.kit.errors import DomainError, NotFound

_INVITATION = "invitation"


def remember(request: Any, token: str, invited: reception.Invited) -> None:
    """Keep in the session which link led here; its token came by mail to that address only."""
    request.session[_INVITATION] = {"token": token, "email": invited.email.lower()}


def is_invited(request: Any) -> bool:
    """Whether the link of an invitation that still stands led this browser here."""
    remembered = request.session.get(_INVITATION)
    if remembered is None:
        return False
    try:
        return reception.find_by_token(remembered["token"]).is_open(now())
    except NotFound:
        return False


def is_proven(request: Any, email: str) -> bool:
    """Whether a link that was sent to `email` led this browser here."""
    remembered = request.session.get(_INVITATION)
    return remembered is not None and remembered["email"] == email.lower()


def settle(request: Any, user: User) -> None:
    """Let somebody who has just signed up with the invited address join.

    They get an organization of their own only when the invitation was withdrawn meanwhile.
    """
    invited_here = is_proven(request, user.email)
    remembered = request.session.pop(_INVITATION, None)
    if not invited_here:
        return
    try:
        invited = reception.find_by_token(remembered["token"])
        membership = reception.accept(invited, user=user, at=now())
    except DomainError:
        found_personal_organization(user)
    else:
        request.session[SESSION_KEY] = str(membership.organization_id)

"""Test data of a team: invitations made and mailed through the services."""

from __future__ import annotations

import re
from datetime import datetime
from itertools import count
from typing import Any

from django.core import mail
from django.utils.timezone import now

from accounts.models import Invitation, Membership, Organization, User
from accounts.services.organizations import add_member
from accounts.services.team import invitations, mailing
from accounts.services.users import create_user
from config.kit import context

_numbers = count(1)
_LINK = re.compile(r"/invitations/([\w-]+)/")


def invitation_of(organization: Organization, email: str = "", **facts: Any) -> Invitation:
    """Invite one address; `facts` may name role, by, manages_owners and at."""
    wish = {
        "emails": [email or f"guest{next(_numbers)}@example.com"],
        "role": "member",
        "by": None,
        "manages_owners": True,
        "at": now(),
    } | facts
    with context.acting(organization_id=organization.pk):
        [outcome] = invitations.invite(organization, **wish)
    assert outcome.invitation is not None
    return outcome.invitation


def token_of(invitation: Invitation, at: datetime | None = None) -> str:
    """Send the mail that is owed and return the token of its link."""
    assert mailing.send_due(invitation.pk, at=at or now())
    found = _LINK.search(str(mail.outbox[-1].body))
    assert found is not None
    return found[1]


def person(name: str, *, verified: bool = True) -> User:
    user = create_user(f"{name}@example.com", "correct horse battery", first_name=name.title())
    user.emailaddress_set.create(email=user.email, verified=verified, primary=True)
    return user


def joined(organization: Organization, name: str, role: str) -> Membership:
    """Make a person and let them be a member."""
    with context.acting(organization_id=organization.pk):
        return add_member(organization, user=person(name), role=role)

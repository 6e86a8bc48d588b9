"""People: created by sign-up, by an operator, or by the seed; profile changes."""

from __future__ import annotations

import re

from django.db import transaction

from accounts.models import User
from accounts.services.organizations import create_organization
from config.kit.ids import random_token

PROFILE = ("first_name", "last_name", "phone", "time_zone", "locale")
_ALLOWED = re.compile(r"[^a-z0-9._-]+")


def username_for(email: str) -> str:
    """Make a user name nobody chose: the e-mail's local part and random letters.

    It is unique without asking the database, so a taken name never tells who is a customer.
    """
    stem = _ALLOWED.sub("", email.partition("@")[0].lower())[:24] or "user"
    suffix = _ALLOWED.sub("", random_token(9).lower())[:10]
    return f"{stem}-{suffix}"


@transaction.atomic
def create_user(email: str, password: str | None = None, **fields: str | bool) -> User:
    """Create a person without an organization, for example a member of staff."""
    return User.objects.create_user(email, password, username=username_for(email), **fields)


@transaction.atomic
def found_personal_organization(user: User) -> None:
    """Give a newly signed-up person an organization of their own."""
    name = user.first_name.strip() or user.email.partition("@")[0]
    create_organization(name=name[:120], owner=user, is_personal=True)


@transaction.atomic
def update_profile(user: User, **said: str) -> User:
    """Store what a person says about themselves; only the fields named in `PROFILE`."""
    unknown = set(said) - set(PROFILE)
    if unknown:
        raise TypeError(f"not part of a profile: {', '.join(sorted(unknown))}")
    user = User.objects.select_for_update().get(pk=user.pk)
    for name, value in said.items():
        setattr(user, name, value)
    user.save(update_fields=list(said))
    return user

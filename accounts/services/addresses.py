"""E-mail addresses: whose one is, and what becomes of those that somebody only claims."""

from __future__ import annotations

from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.db import transaction

from accounts.models import User
from accounts.services import audit
from accounts.services.team.reception import owns_address


def is_known_by(user: User, email: str) -> bool:
    """True for the address an account was made with and for confirmed ones, not for mere claims."""
    return user.email.lower() == email.lower() or owns_address(user, email)


def drop_claims(email: str) -> None:
    """Take an address from all who added it and never confirmed it: somebody signs up with it.

    Otherwise whoever adds a stranger's address keeps that person from having an account.
    """
    claims = EmailAddress.objects.filter(email=email.lower(), verified=False, primary=False)
    claims.exclude(user__email__iexact=email).delete()


@transaction.atomic
def drop_unproven_connections(user: User) -> None:
    """Disconnect what somebody signed up with before anybody had confirmed an address.

    A new password by mail shows who has the mailbox: it need not be whoever named it at a provider.
    """
    if EmailAddress.objects.filter(user=user, verified=True).exists():
        return
    for connection in SocialAccount.objects.filter(user=user):
        connection.delete()
        audit.record("user.connection_removed", user, provider=connection.provider)

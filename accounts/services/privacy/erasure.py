"""Being forgotten: a closed account loses its name everywhere, the trail keeps only hashes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower

from accounts import events
from accounts.models import (
    Avatar,
    BridgeToken,
    DataExport,
    DeviceAuthorization,
    Invitation,
    Organization,
    RefreshToken,
    SyncLog,
    User,
    UserActivity,
)
from accounts.services.account_mail import forget_mails_to
from accounts.services.closing import close_account
from accounts.services.privacy import exports
from accounts.services.privacy.mentions import forget_mentions
from config.kit.errors import Conflict

NAMELESS = "erased.invalid"
GRACE = timedelta(days=30)
"""How long a closed account keeps its name, for its owner to ask for it back."""
_PERSONAL = (
    EmailAddress, Authenticator, SocialAccount, UserSession, Avatar, UserActivity, SyncLog,
    RefreshToken, BridgeToken, DeviceAuthorization,
)  # fmt: skip


class StaffAccount(Conflict):
    code = "staff_account"
    message = "A member of staff is not erased: take the role away first."


@transaction.atomic
def erase_user(user: User, *, reason: str) -> int:
    """Close the account, unless a storey vetoes, and make it nameless everywhere, for good.

    Returns how many personal values left the trail. What the law wants kept stays: invoices bear
    the name they were written to. Every hash of the trail stays valid. Needs the system role.
    """
    user = User.objects.select_for_update().get(pk=user.pk)
    if user.role != User.Role.CUSTOMER or user.is_superuser:
        raise StaffAccount
    user = close_account(user)
    addresses = _addresses(user)
    _forget_rows(user, addresses)
    forget_mentions(user, addresses)
    Organization.objects.filter(created_by=user, is_personal=True).update(name="Erased account")
    user.email = f"{user.pk}@{NAMELESS}"
    user.username = f"erased-{user.pk}"
    user.first_name = user.last_name = user.phone = user.avatar = ""
    user.save(update_fields=["email", "username", "first_name", "last_name", "phone", "avatar"])
    events.user_erased.send(User, user=user, addresses=addresses)
    # Last: what the changes above wrote about the person goes with the rest.
    return forget_subject(str(user.pk), reason, addresses)


def forget_subject(subject: str, reason: str, values: list[str]) -> int:
    """Take what the trail keeps in clear about a subject out of it; returns how many values."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit.erase_subject(%s, %s, %s)", [subject, reason, values])
        return int(cursor.fetchone()[0])


def is_erased(user: User) -> bool:
    return user.email.endswith(f"@{NAMELESS}")


def closed_accounts(at: datetime) -> QuerySet[User]:
    """Return the accounts that were closed over 30 days ago and still have their name, oldest first."""
    closed = User.objects.filter(status=User.Status.CLOSED, role=User.Role.CUSTOMER)
    named = closed.exclude(email__endswith=f"@{NAMELESS}")
    return named.filter(updated_at__lt=at - GRACE).order_by("updated_at", "pk")


def _addresses(user: User) -> list[str]:
    """Return every address the person was known by; a former one only if nobody else has it now."""
    own = {user.email, *EmailAddress.objects.filter(user=user).values_list("email", flat=True)}
    accepted = Invitation.objects.filter(accepted_by=user).values_list("email", flat=True)
    former = {*accepted, *_former_addresses(user)} - own
    lowered = {address.lower() for address in former}
    proved = EmailAddress.objects.filter(verified=True).exclude(user=user)
    taken: set[str] = set()
    for rows in (User.objects.exclude(pk=user.pk), proved):
        folded: QuerySet[Any] = rows.annotate(folded=Lower("email"))
        taken.update(folded.filter(folded__in=lowered).values_list("folded", flat=True))
    return sorted(own | {address for address in former if address.lower() not in taken})


def _former_addresses(user: User) -> list[str]:
    """Return what the trail remembers as the account's own address."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT value #>> '{}' FROM audit.pii WHERE subject_id = %s"
            " AND entity_type = %s AND column_name = 'email'",
            [str(user.pk), User._meta.db_table],
        )
        return [address for (address,) in cursor.fetchall()]


def _forget_rows(user: User, addresses: list[str]) -> None:
    own = DataExport.objects.filter(user=user)
    for export in own.filter(Q(organization=None) | ~Q(list_path="")):
        exports.withdraw(export)
    own.exclude(list_query="").update(list_query="")  # it may say whom they looked for
    for model in _PERSONAL:
        model._default_manager.filter(user=user).delete()
    forget_mails_to(addresses)
    lowered = [address.lower() for address in addresses]
    invited = Q(folded__in=lowered) | Q(accepted_by=user)
    Invitation.objects.annotate(folded=Lower("email")).filter(invited).delete()

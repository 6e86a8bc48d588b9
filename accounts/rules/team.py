"""Who may be invited, moved and let go: the refusals of a team and its limits."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import ClassVar

from accounts.rules.roles import OrganizationRole
from config.kit.errors import Conflict, DomainError, Forbidden, InvalidInput

VALID_FOR = timedelta(days=7)
"""How long the link of an invitation works."""
MOST_AT_ONCE = 50
MOST_A_DAY = 100
"""Invitations of one organization in 24 hours."""
MOST_MAILS = 5
RESEND_AFTER = timedelta(minutes=10)

_ADDRESS = re.compile(r"[^@\s<>,;:\"()]+@[^@\s<>,;:\"()]+\.[^@\s<>,;:\"().]{2,}")
_BETWEEN = re.compile(r"[\s,;]+")


class OwnersOnly(Forbidden):
    code = "owners_only"
    message = "Only an owner may appoint, change or remove owners."


class LastOwner(Conflict):
    code = "last_owner"
    message = "An organization needs an owner. Make somebody else an owner first."


class InvitationOver(DomainError):
    """The link was real and works no more."""

    code = "invitation_over"
    status: ClassVar[int] = 410
    message = "This invitation was withdrawn or has been used. Ask for a new one."


class InvitationExpired(InvitationOver):
    code = "invitation_expired"
    message = "This invitation has expired. Ask for a new one."


class OtherAddress(Forbidden):
    code = "invitation_for_another_address"
    message = (
        "This invitation is for another e-mail address. Sign in with an account that has "
        "confirmed it."
    )


class TooManyMails(Conflict):
    code = "invitation_sent_often"
    message = f"This invitation was sent {MOST_MAILS} times. Revoke it and invite anew."


class AlreadyMember(Conflict):
    code = "already_member"
    message = "This person is a member already."


class NotConfirmed(InvalidInput):
    code = "not_confirmed"
    message = "Type the name of the organization exactly as it stands here."


class TransferToYourself(Conflict):
    code = "transfer_to_yourself"
    message = "Ownership goes to another member."


def require_owner_for(*roles: str, manages_owners: bool) -> None:
    """Raise `OwnersOnly` when one of `roles` is the owner's and the caller may not touch it."""
    if OrganizationRole.OWNER in roles and not manages_owners:
        raise OwnersOnly


def require_typed(typed: str, name: str) -> None:
    """Raise `NotConfirmed` unless the name was typed; blanks around it do not count."""
    if typed.strip() != name.strip():
        detail = {"pointer": "/confirm", "code": NotConfirmed.code, "detail": NotConfirmed.message}
        raise NotConfirmed(errors=[detail])


def split_addresses(text: str) -> list[str]:
    """Return the addresses of a text, lower case, each once; blanks, commas, semicolons part them."""
    return list(dict.fromkeys(part.lower() for part in _BETWEEN.split(text) if part))


def is_address(text: str) -> bool:
    return len(text) <= 254 and _ADDRESS.fullmatch(text) is not None

"""Telling a person that staff removed the second factor they had lost."""

from __future__ import annotations

from django.urls import reverse

from accounts.models import User
from config.kit.mail import address_of, written_mail


def tell_of_reset(user: User) -> None:
    """Send the mail; not inside a transaction."""
    facts = {"url": address_of(reverse("mfa_index"))}
    written_mail("accounts/email/factor_reset", facts, to=user.email).send()

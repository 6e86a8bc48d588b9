"""Telling a person that staff removed the second factor they had lost."""

from __future__ import annotations

from django.urls import reverse

from accounts.models import User
from accounts.services.account_mail import owe_mail
from config.kit.mail import address_of, written_mail


def tell_of_reset(user: User) -> None:
    """Owe them the mail, in the transaction that took it."""
    facts = {"url": address_of(reverse("mfa_index"))}
    owe_mail(written_mail("accounts/email/factor_reset", facts, to=user.email))

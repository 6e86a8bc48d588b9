"""Telling a person that somebody used a token or code of theirs a second time."""

from __future__ import annotations

from django.urls import reverse

from accounts.models import User
from accounts.services.account_mail import owe_mail
from config.kit.mail import address_of, written_mail


def warn_of_stolen_session(user: User, *, client_name: str) -> None:
    """Owe them the mail, in the transaction that ends the session."""
    facts = {"client_name": client_name, "url": address_of(reverse("tokens"))}
    owe_mail(written_mail("accounts/email/session_stolen", facts, to=user.email))

"""Telling a person that somebody used a token or code of theirs a second time."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.models import User

_TEMPLATE = "accounts/email/session_stolen"


def warn_of_stolen_session(user: User, *, client_name: str) -> None:
    """Send the mail; not inside a transaction."""
    facts = {
        "client_name": client_name,
        "url": settings.SITE_URL + reverse("tokens"),
        "current_site": {"domain": urlsplit(settings.SITE_URL).netloc},
    }
    subject = render_to_string(f"{_TEMPLATE}_subject.txt", facts)
    message = EmailMultiAlternatives(
        subject=" ".join(subject.split()),
        body=render_to_string(f"{_TEMPLATE}_message.txt", facts),
        to=[user.email],
    )
    message.attach_alternative(render_to_string(f"{_TEMPLATE}_message.html", facts), "text/html")
    message.send()

"""Telling a person that staff removed the second factor they had lost."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.models import User

_TEMPLATE = "accounts/email/factor_reset"


def tell_of_reset(user: User) -> None:
    """Send the mail; not inside a transaction."""
    facts = {
        "url": settings.SITE_URL + reverse("mfa_index"),
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

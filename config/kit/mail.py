"""Mails of our own: a subject, a text and an HTML body from three templates of one name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string


def written_mail(
    template: str,
    facts: Mapping[str, Any],
    *,
    to: str,
    headers: dict[str, str] | None = None,
) -> EmailMultiAlternatives:
    """Return the mail of `<template>_subject.txt`, `_message.txt` and `_message.html`.

    Whoever sends it does so outside a transaction: a mail server is the network.
    """
    facts = {**facts, "current_site": {"domain": urlsplit(settings.SITE_URL).netloc}}
    subject = render_to_string(f"{template}_subject.txt", facts)
    mail = EmailMultiAlternatives(
        subject=" ".join(subject.split()),
        body=render_to_string(f"{template}_message.txt", facts),
        to=[to],
        headers=headers,
    )
    mail.attach_alternative(render_to_string(f"{template}_message.html", facts), "text/html")
    return mail


def address_of(path: str) -> str:
    """Return the whole address of a page of the customer site, for links in mails."""
    return f"{settings.SITE_URL}{path}"

"""The demo's mailbox: what was sent to whom, shown and never executed."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from config.web.mailbox import Mail, find_mail, newest_mails

# A mail's HTML runs no script, loads nothing, sends no form and shares no origin with the site.
HTML_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'none'; sandbox"
)


@require_GET
@transaction.non_atomic_requests
def mailbox(request: HttpRequest) -> HttpResponse:
    mails = newest_mails(Path(settings.EMAIL_FILE_PATH))
    return render(request, "config/mailbox.html", {"mails": mails})


@require_GET
@transaction.non_atomic_requests
def message(request: HttpRequest, name: str) -> HttpResponse:
    return render(request, "config/mail.html", {"mail": _mail(name)})


@require_GET
@transaction.non_atomic_requests
def html_part(request: HttpRequest, name: str) -> HttpResponse:
    mail = _mail(name)
    if not mail.html:
        raise Http404
    return HttpResponse(mail.html, headers={"Content-Security-Policy": HTML_POLICY})


def _mail(name: str) -> Mail:
    mail = find_mail(Path(settings.EMAIL_FILE_PATH), name)
    if mail is None:
        raise Http404
    return mail

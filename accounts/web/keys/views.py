"""Pages about one API key: making it, seeing it once, changing it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import now
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.models import ApiKey
from accounts.rules.keys import is_key
from accounts.rules.tiers import up_to
from accounts.services import keys
from accounts.services.calls.quotas import main_limit_of
from accounts.services.keys.hashing import hashes_of
from accounts.web.access import member_required
from accounts.web.keys.forms import KeyForm, NewKeyForm
from accounts.web.keys.lists import describe
from accounts.web.once import OnceForm, make_once
from config.kit.errors import DomainError, NotFound
from config.kit.forms import refuse

FILES = {"txt": "{key}\n", "env": "SWITCHYARD_API_KEY={key}\n"}
_ASK = """curl {site}/api/v1/organization \\
  -H "Authorization: Bearer {key}\""""
_VERIFY = """curl {site}/api/v1/keys/verify \\
  -H "Authorization: Bearer {key}" \\
  -H "Content-Type: application/json" \\
  -d '{{"key": "the key your caller sent"}}'"""


@require_http_methods(["GET", "HEAD", "POST"])
@member_required("manage_keys")
def new(request: Any) -> HttpResponse:
    """Ask what the key is for; then show it, once."""
    tiers = up_to(request.organization.subscription_tier)
    form = NewKeyForm(tiers, request.POST or None)
    if request.method == "POST" and form.is_valid():
        changes = form.changes()
        try:
            return reveal(
                request,
                form,
                lambda: keys.issue_key(
                    request.organization,
                    by=request.user,
                    environment=form.cleaned_data["environment"],
                    **changes,
                ),
            )
        except DomainError as refusal:
            refuse(form, refusal, expires_at="expires_on")
    status = 422 if form.is_bound else 200
    return render(request, "accounts/keys/new.html", {"form": form}, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@member_required("manage_keys")
def edit(request: Any, key_id: UUID) -> HttpResponse:
    key = own_key(request, key_id)
    tiers = up_to(request.organization.subscription_tier)
    form = KeyForm(tiers, request.POST or None, key=key)
    if request.method == "POST" and form.is_valid():
        try:
            keys.update_key(key, form.changes(), by=request.user)
        except DomainError as refusal:
            refuse(form, refusal, expires_at="expires_on")
        else:
            messages.success(request, f"{form.cleaned_data['name']} is changed.")
            return redirect("api_key_page", key.pk)
    status = 422 if form.is_bound else 200
    return render(request, "accounts/keys/edit.html", {"form": form, "key": key}, status=status)


@require_GET
@member_required()
def detail(request: Any, key_id: UUID) -> HttpResponse:
    at = now()
    key = describe(own_key(request, key_id), at)
    shown = f"{key.prefix}…"
    example = _VERIFY if "keys:verify" in key.scopes else _ASK
    facts = {
        "key": key,
        "may_manage": request.membership.allows("manage_keys"),
        "quota": main_limit_of(request.organization, at),
        "example": example.format(site=settings.SITE_URL, key=shown),
        "rotated_from": ApiKey.objects.filter(rotated_to=key).first(),
    }
    return render(request, "accounts/keys/detail.html", facts)


@require_POST
@member_required("manage_keys")
def download(request: Any) -> HttpResponse:
    """Give back as a file what the page of the new key sent: it is not kept here.

    The key travels in the body of the form, never in an address, and must be the organization's.
    """
    text, kind = request.POST.get("key", ""), request.POST.get("format", "")
    if kind not in FILES or not is_key(text):
        raise NotFound
    mine = ApiKey.objects.for_organization(request.organization)
    key = mine.filter(key_hash__in=[digest for _, digest in hashes_of(text)]).first()
    if key is None:
        raise NotFound
    name = f"{key.prefix}.{kind}"
    return HttpResponse(
        FILES[kind].format(key=text),
        content_type="text/plain; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def own_key(request: Any, key_id: UUID) -> Any:
    """Return one of the organization's keys; unknown and another's look the same."""
    rows = ApiKey.objects.for_organization(request.organization)
    key = rows.select_related("created_by", "rotated_to").filter(pk=key_id).first()
    if key is None:
        raise NotFound
    return key


def reveal(request: Any, form: OnceForm, make: Callable[[], tuple[ApiKey, str]]) -> HttpResponse:
    """Make a key and show it, this once. The same page sent again makes no second one."""
    made = make_once(request, form, make)
    if made is None:
        messages.info(request, "That key was made already. It cannot be shown again.")
        return redirect("api_keys")
    key, text = made
    facts = {"key": describe(key, now()), "text": text}
    return render(request, "accounts/keys/reveal.html", facts)

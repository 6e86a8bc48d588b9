"""What is asked before it is done to API keys: rotate, switch off, revoke one or many."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import now
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import ApiKey
from accounts.rules.scopes import VERIFY_ANY
from accounts.services import keys
from accounts.web.access import member_required
from accounts.web.keys.forms import RevokeForm, RotateForm
from accounts.web.keys.lists import KeyList
from accounts.web.keys.views import own_key, reveal
from config.kit.errors import DomainError

MOST_AT_ONCE = 500
_ASKED = ("GET", "HEAD", "POST")


@require_http_methods(_ASKED)
@member_required("manage_keys")
def rotate(request: Any, key_id: UUID) -> HttpResponse:
    key = own_key(request, key_id)
    form = RotateForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            return reveal(
                request,
                form.once_key,
                lambda: keys.rotate_key(key, by=request.user, overlap=form.overlap_time),
            )
        except DomainError as refusal:
            form.add_error(None, refusal.detail)
    facts = {"key": key, "form": form, "loses_platform": VERIFY_ANY in key.scopes}
    return render(request, "accounts/keys/rotate.html", facts, status=422 if form.is_bound else 200)


@require_http_methods(_ASKED)
@member_required("manage_keys")
def revoke(request: Any, key_id: UUID) -> HttpResponse:
    key = own_key(request, key_id)
    form = RevokeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        keys.revoke_key(key, reason=form.cleaned_data["reason"])
        messages.success(request, f"{key.name} is revoked.")
        return redirect("api_keys")
    status = 422 if request.method == "POST" else 200
    return render(request, "accounts/keys/revoke.html", {"key": key, "form": form}, status=status)


@require_http_methods(_ASKED)
@member_required("manage_keys")
def disable(request: Any, key_id: UUID) -> HttpResponse:
    key = own_key(request, key_id)
    if request.method != "POST":
        return render(request, "accounts/keys/disable.html", {"key": key})
    keys.disable_key(key)
    messages.success(request, f"{key.name} is switched off.")
    return redirect("api_key_page", key.pk)


@require_POST
@member_required("manage_keys")
def enable(request: Any, key_id: UUID) -> HttpResponse:
    key = keys.enable_key(own_key(request, key_id))
    messages.success(request, f"{key.name} is switched on.")
    return redirect("api_key_page", key.pk)


@require_POST
@member_required("manage_keys")
def confirm(request: Any, key_id: UUID) -> HttpResponse:
    """Vouch for a key that waits."""
    key = keys.confirm_key(own_key(request, key_id), by=request.user)
    messages.success(request, f"{key.name} works from now on.")
    return redirect("api_key_page", key.pk)


@require_POST
@member_required("manage_keys")
def revoke_many(request: Any) -> HttpResponse:
    """Ask about the selected keys, then revoke them all or none."""
    chosen = list(_chosen(request)[: MOST_AT_ONCE + 1])
    if not chosen:
        messages.info(request, "Select keys first. Revoked ones do not count.")
        return redirect("api_keys")
    if len(chosen) > MOST_AT_ONCE:
        messages.error(request, f"Select at most {MOST_AT_ONCE} keys at once.")
        return redirect("api_keys")
    form = RevokeForm(request.POST if request.POST.get("confirmed") == "yes" else None)
    if not form.is_valid():
        words = f"{len(chosen)} API keys" if len(chosen) > 1 else chosen[0].name
        facts = {"keys": chosen, "count_words": words, "form": form}
        status = 422 if form.is_bound else 200
        return render(request, "accounts/keys/revoke_many.html", facts, status=status)
    done = keys.revoke_keys(chosen, reason=form.cleaned_data["reason"])
    messages.success(request, f"{done} keys are revoked." if done != 1 else "1 key is revoked.")
    return redirect("api_keys")


def _chosen(request: Any) -> QuerySet[ApiKey]:
    """Return the keys that were ticked, or all that the list's filters show."""
    mine = ApiKey.objects.for_organization(request.organization)
    if request.POST.get("all") == "1":
        mine = _listed(request)
    else:
        mine = mine.filter(pk__in=_ids(request.POST.getlist("ids")))
    return mine.exclude(status=ApiKey.Status.REVOKED).order_by("name", "pk")


def _listed(request: Any) -> QuerySet[ApiKey]:
    page = KeyList()
    page.request = request
    request.GET = request.POST
    page.__dict__["at"] = now()
    return page.chosen()


def _ids(texts: list[str]) -> list[UUID]:
    found = []
    for text in texts[: MOST_AT_ONCE + 1]:
        try:
            found.append(UUID(text))
        except ValueError:
            continue
    return found

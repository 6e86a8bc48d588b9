"""What is asked before it is done to API keys: rotate, switch off, revoke one or many."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.timezone import now
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import ApiKey
from accounts.rules.scopes import VERIFY_ANY
from accounts.services import keys
from accounts.services.bulk import TooManyItems
from accounts.services.keys.bulk import REVOKE
from accounts.web.access import member_required
from accounts.web.jobs.asking import (
    Selection,
    begin,
    facts_of,
    is_agreed,
    job_made_by,
    select,
)
from accounts.web.keys.forms import RevokeForm, RotateForm
from accounts.web.keys.lists import KeyList
from accounts.web.keys.views import own_key, reveal
from config.kit.errors import DomainError
from config.kit.ids import as_uuid

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
                form,
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
    """Ask about the selected keys, then revoke them: a few at once, many by a job."""
    if (job := job_made_by(request)) is not None:
        return redirect("job", job.pk)
    try:
        chosen = select(request, REVOKE, _chosen(request))
    except TooManyItems as refusal:
        messages.error(request, refusal.detail)
        return redirect("api_keys")
    if not chosen.targets:
        messages.info(request, "Select keys first. Revoked ones do not count.")
        return redirect("api_keys")
    form = RevokeForm(request.POST if request.POST.get("confirmed") == "yes" else None)
    if chosen.is_for_a_job:
        return _revoke_by_job(request, chosen, form)
    if not form.is_valid():
        words = f"{chosen.count} API keys" if chosen.count > 1 else chosen.targets[0].name
        facts = {"keys": chosen.targets, "count_words": words, "form": form}
        status = 422 if form.is_bound else 200
        return render(request, "accounts/keys/revoke_many.html", facts, status=status)
    done = keys.revoke_keys(chosen.targets, reason=form.cleaned_data["reason"])
    messages.success(request, f"{done} keys are revoked." if done != 1 else "1 key is revoked.")
    return redirect("api_keys")


def _revoke_by_job(request: Any, chosen: Selection, form: RevokeForm) -> HttpResponse:
    if form.is_valid() and is_agreed(request, chosen):
        params = {"reason": form.cleaned_data["reason"]}
        return begin(request, chosen, params=params, back=reverse("api_keys"))
    facts = {"form": form, "count_words": f"{chosen.count:,} API keys"}
    facts |= facts_of(request, chosen)
    status = 422 if form.is_bound else 200
    return render(request, "accounts/keys/revoke_job.html", facts, status=status)


def _chosen(request: Any) -> QuerySet[ApiKey]:
    """Return the keys that were ticked, or all that the list's filters show."""
    mine = ApiKey.objects.for_organization(request.organization)
    if request.POST.get("all") == "1":
        mine = _listed(request)
    else:
        ids = [as_uuid(text) for text in request.POST.getlist("ids")]
        mine = mine.filter(pk__in=[key for key in ids if key is not None])
    return mine.exclude(status=ApiKey.Status.REVOKED).order_by("name", "pk")


def _listed(request: Any) -> QuerySet[ApiKey]:
    page = KeyList()
    page.request = request
    request.GET = request.POST
    page.__dict__["at"] = now()
    return page.chosen()

"""Whom invoices are made out to."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods

from accounts.web.access import member_required, require
from billing.services.customers import profile_of
from billing.web.forms import ProfileForm
from billing.web.people import country_name, who_may


@require_http_methods(["GET", "HEAD", "POST"])
@member_required()
def billing_profile(request: Any) -> HttpResponse:
    """Everyone may read it, who manages billing may change it."""
    profile = profile_of(request.organization)
    form = ProfileForm(profile, request.POST or None)
    back = _back(request)
    if request.method == "POST":
        require(request, "manage_billing")
        if form.is_valid() and form.save():
            messages.success(request, "Saved. It stands on invoices from now on.")
            return redirect(back or "billing_profile")
    may_manage = request.membership.allows("manage_billing")
    facts = {
        "profile": profile,
        "country": country_name(profile.country),
        "form": form,
        "back": back,
        "may_manage": may_manage,
        "who_may_manage": "" if may_manage else who_may(request.organization, "manage_billing"),
    }
    return render(request, "billing/profile.html", facts, status=422 if form.errors else 200)


def _back(request: Any) -> str:
    """The page of ours that sent the reader here, if it said so."""
    wanted: str = request.POST.get("next") or request.GET.get("next") or ""
    ours = url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()})
    return wanted if ours else ""

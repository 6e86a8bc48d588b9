"""Pages about oneself: profile, security, and the organization one acts for."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.middleware import SESSION_KEY
from accounts.models import AuditLog
from accounts.services.users import update_profile
from accounts.web.browsers import browser_name
from accounts.web.forms import ProfileForm
from config.kit.errors import NotFound

SIGN_INS_SHOWN = 10


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: Any) -> HttpResponse:
    """Name, phone and time zone of the signed-in person."""
    form = ProfileForm(request.POST) if request.method == "POST" else ProfileForm.of(request.user)
    if form.is_bound and form.is_valid():
        update_profile(request.user, **form.cleaned_data)
        messages.success(request, "Your profile is saved.")
        return redirect("profile")
    membership = request.membership
    facts = {
        "form": form,
        "may_describe": membership is not None and membership.allows("manage_organization"),
    }
    return render(request, "accounts/profile.html", facts, status=422 if form.is_bound else 200)


@login_required
@require_GET
def security(request: Any) -> HttpResponse:
    """Password, addresses, second factor and the latest sign-ins on one page."""
    kinds = list(Authenticator.objects.filter(user=request.user).values_list("type", flat=True))
    signs = AuditLog.objects.about("accounts_user", request.user.pk).filter(
        action="user.logged_in"
    )[:SIGN_INS_SHOWN]
    facts = {
        "has_second_factor": Authenticator.Type.TOTP in kinds,
        "has_recovery_codes": Authenticator.Type.RECOVERY_CODES in kinds,
        "sign_ins": [(entry, browser_name(entry.user_agent or "")) for entry in signs],
    }
    return render(request, "accounts/security.html", facts)


@login_required
@require_POST
def switch_organization(request: Any) -> HttpResponse:
    """Act for another organization from now on; a stranger's looks like none."""
    wanted = _uuid(request.POST.get("organization", ""))
    for membership in request.memberships:
        if membership.organization_id == wanted:
            request.session[SESSION_KEY] = str(wanted)
            messages.success(request, f"You now act for {membership.organization}.")
            return redirect("overview")
    raise NotFound


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None

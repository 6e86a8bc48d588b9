"""One's organizations: which there are, another one, closing one, closing the account."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import now
from django.views.decorators.http import require_GET, require_http_methods

from accounts.middleware import SESSION_KEY
from accounts.services.closing import close_account, close_organization, farewell_of
from accounts.services.organizations import found_organization
from accounts.services.team import reception
from accounts.web.access import member_required
from accounts.web.organizations.forms import CloseAccountForm, NewOrganizationForm
from accounts.web.team.forms import TypedNameForm
from config.kit.errors import DomainError


@login_required
@require_GET
def organizations(request: Any) -> HttpResponse:
    """All one belongs to, and the invitations that wait; also for those who belong to none."""
    facts = {
        "memberships": request.memberships,
        "waiting": reception.waiting_for(request.user, now()),
    }
    return render(request, "accounts/organizations/list.html", facts)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: Any) -> HttpResponse:
    """Found another organization and act for it."""
    form = NewOrganizationForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            founded = found_organization(owner=request.user, at=now(), **form.cleaned_data)
        except DomainError as refusal:
            form.add_error(None, refusal.detail)
        else:
            request.session[SESSION_KEY] = str(founded.pk)
            messages.success(request, f"{founded} is founded. You now act for it.")
            return redirect("overview")
    return render(
        request,
        "accounts/organizations/new.html",
        {"form": form},
        status=422 if form.is_bound else 200,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@member_required("close_organization")
def close(request: Any) -> HttpResponse:
    """Say what closing ends; then close, when the name was typed and nothing stands against it."""
    ours = request.organization
    posted = request.POST if request.method == "POST" else None
    form = TypedNameForm(posted, organization=ours)
    if form.is_bound and form.is_valid():
        try:
            close_organization(ours, confirm=form.cleaned_data["confirm"])
        except DomainError as refusal:
            form.add_error(None, refusal.detail)
        else:
            request.session.pop(SESSION_KEY, None)
            messages.success(request, f"{ours} is closed.")
            return redirect("organizations")
    return render(
        request,
        "accounts/organizations/close.html",
        {"form": form},
        status=422 if form.is_bound else 200,
    )


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def close_own_account(request: Any) -> HttpResponse:
    """Say what goes along; then close the account for good and sign out."""
    posted = request.POST if request.method == "POST" else None
    form = CloseAccountForm(posted, user=request.user)
    if form.is_bound and form.is_valid():
        try:
            close_account(request.user)
        except DomainError as refusal:
            form.add_error(None, refusal.detail)
        else:
            logout(request)
            messages.success(request, "Your account is closed.")
            return redirect("account_login")
    facts = {"form": form, "farewell": farewell_of(request.user)}
    status = 422 if form.is_bound else 200
    return render(request, "accounts/organizations/close_account.html", facts, status=status)

"""The front pages: overview, welcome, first steps."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import now
from django.views.decorators.http import require_GET, require_http_methods

from accounts.models import Membership
from accounts.services.team.members import hide_first_steps
from accounts.web.access import member_required
from config.web import first_steps as checklist
from config.web.activity import recent_activity
from config.web.attention import needs_attention
from config.web.overview import (
    LicenseFigures,
    Safety,
    Spend,
    busiest_licenses,
    license_figures,
    safety_of,
    spend_by_month,
    spend_chart,
)
from config.web.presence import presence_of
from config.web.welcome import OrganizationForm, WelcomeForm, skip_welcome

ACTIVITY_SHOWN = 8
LICENSES_SHOWN = 5


@require_GET
@member_required()
def overview(request: Any) -> HttpResponse:
    """What needs attention, what there is, what it costs, what happened."""
    at, organization = now(), request.organization
    safety = safety_of(request.membership)
    licenses = license_figures(organization, at)
    spend = spend_by_month(organization, at)
    facts = _first_steps(request, safety, licenses, spend)
    facts |= {
        "attention": needs_attention(
            request.membership, None if facts["shows_steps"] else safety, at
        ),
        "licenses": licenses,
        "busiest": busiest_licenses(organization, at, limit=LICENSES_SHOWN),
        "presence": presence_of(licenses.devices, at),
        "spend": spend,
        "spend_chart": spend_chart(spend),
        "spend_values": [month.spent.minor for month in spend.months],
        "activity": recent_activity(organization, reader=request.user, limit=ACTIVITY_SHOWN),
    }
    return render(request, "config/overview.html", facts)


def _first_steps(
    request: Any, safety: Safety, licenses: LicenseFigures, spend: Spend
) -> dict[str, Any]:
    """A new account sees the checklist in place of empty figures, whether it was hidden or not."""
    facts = _steps(request.membership, safety, licenses)
    is_new = licenses.total == 0 and not spend.total
    shows = is_new or not (facts["steps_done"] or facts["steps_hidden"])
    return {**facts, "is_new": is_new, "shows_steps": shows}


def _steps(membership: Membership, safety: Safety, licenses: LicenseFigures) -> dict[str, Any]:
    steps = checklist.first_steps(membership, safety, licenses)
    done = sum(step.done for step in steps)
    return {
        "steps": steps,
        "steps_summary": f"{done} of {len(steps)} done",
        "steps_done": done == len(steps),
        "steps_hidden": membership.first_steps_hidden_at is not None,
    }


@require_http_methods(["GET", "HEAD", "POST"])
@member_required()
def first_steps(request: Any) -> HttpResponse:
    """The checklist on a page of its own; POST hides it from the overview or shows it there."""
    membership, at = request.membership, now()
    if request.method == "POST":
        hide_first_steps(membership, at=None if request.POST.get("show") else at)
        return redirect("overview")
    facts = _steps(membership, safety_of(membership), license_figures(request.organization, at))
    return render(request, "config/first_steps_page.html", facts)


@require_http_methods(["GET", "HEAD", "POST"])
@member_required()
def welcome(request: Any) -> HttpResponse:
    """Asked once after sign-up; can be skipped."""
    organization, at = request.organization, now()
    if organization.welcomed_at or not request.membership.allows("manage_organization"):
        return redirect("overview")
    if request.method == "POST" and request.POST.get("skip"):
        skip_welcome(organization, at)
        return redirect("overview")
    form = WelcomeForm(request.POST) if request.method == "POST" else WelcomeForm.of(organization)
    if form.is_bound and form.is_valid() and form.save(organization, at):
        return redirect("welcome_goals")
    return render(
        request, "config/welcome.html", {"form": form}, status=422 if form.is_bound else 200
    )


@require_http_methods(["GET", "HEAD", "POST"])
@member_required("manage_organization")
def organization(request: Any) -> HttpResponse:
    """Name and country, for those who manage the organization."""
    ours = request.organization
    posted = request.method == "POST"
    form = OrganizationForm(request.POST) if posted else OrganizationForm.of(ours)
    if form.is_bound and form.is_valid() and form.save(ours, now()):
        messages.success(request, "Your organization is saved.")
        return redirect("organization")
    facts = {
        "form": form,
        "may_close": request.membership.allows("close_organization"),
        "may_transfer": request.membership.allows("transfer_ownership"),
    }
    return render(request, "config/organization.html", facts, status=422 if form.is_bound else 200)


@require_GET
@member_required()
def goals(request: Any) -> HttpResponse:
    """What do you want to do first? Only what exists is offered."""
    return render(request, "config/goals.html")

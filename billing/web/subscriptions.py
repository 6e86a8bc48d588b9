"""One subscription: what it is, when it renews, how it ends."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import now
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.web.access import member_required
from billing.models import Subscription
from billing.services import subscriptions
from billing.services.customers import profile_of
from billing.web.forms import PER
from billing.web.overview import next_total
from billing.web.people import who_may
from config.kit.errors import NotFound

PERIODS_SHOWN = 12


def _own(request: Any, key: UUID) -> Subscription:
    rows = Subscription.objects.for_organization(request.organization)
    found: Subscription | None = rows.select_related("price__product").filter(pk=key).first()
    if found is None:
        raise NotFound
    return found


@require_GET
@member_required()
def subscription(request: Any, subscription_id: UUID) -> HttpResponse:
    """Facts, past periods with their invoices, and the way out."""
    found = _own(request, subscription_id)
    may_manage = request.membership.allows("manage_billing")
    facts = {
        "subscription": found,
        "product": found.price.product,
        "per": PER[found.interval],
        "next_total": next_total(found, profile_of(request.organization)),
        "periods": found.periods.select_related("invoice").order_by("-starts_at")[:PERIODS_SHOWN],
        "ends_soon": found.is_running and found.cancel_at_period_end,
        "may_manage": may_manage,
    }
    if not may_manage:
        facts["cancel_hint"] = f"{who_may(request.organization, 'manage_billing')} can do it."
    return render(request, "billing/subscription.html", facts)


@require_http_methods(["GET", "HEAD", "POST"])
@member_required("manage_billing")
def cancel(request: Any, subscription_id: UUID) -> HttpResponse:
    """Say what ends and when; then let it end with its period."""
    found = _own(request, subscription_id)
    if request.method != "POST":
        facts = {"subscription": found, "product": found.price.product}
        return render(request, "billing/subscription_cancel.html", facts)
    subscriptions.cancel_at_period_end(found, at=now())
    messages.success(request, f"{found.price.product} ends with its current period.")
    return redirect("subscription", found.pk)


@require_POST
@member_required("manage_billing")
def resume(request: Any, subscription_id: UUID) -> HttpResponse:
    """Take the cancellation back."""
    found = _own(request, subscription_id)
    subscriptions.resume(found)
    messages.success(request, f"{found.price.product} goes on and renews.")
    return redirect("subscription", found.pk)

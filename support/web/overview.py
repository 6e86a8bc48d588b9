"""The first page of the back office: what needs a person, how the machinery stands, what happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.timezone import now

from accounts.admin.trail import with_names
from accounts.models import AuditLog, Organization, TrailAlert, User, WebhookEndpoint
from billing.models import Invoice, PaymentAttempt, StripeEvent, Subscription
from licensing.models import License, TrialWorkspace
from support.models import AdminNote
from support.models.figures import user_stats
from support.web.machinery import machinery

LATEST = 12


@dataclass(frozen=True, slots=True)
class Watched:
    """One named set of a list that staff keep an eye on. `tone` is its colour when not empty."""

    model: type[Any]
    name: str
    title: str
    icon: str
    tone: str


@dataclass(frozen=True, slots=True)
class Finding:
    title: str
    count: int
    url: str
    icon: str
    tone: str


# Worst first: money that is stuck, then customers who are, then what is only news.
WATCHED = (
    Watched(TrailAlert, "open", "Audit trail alerts", "gpp_bad", "bad"),
    Watched(PaymentAttempt, "left_to_staff", "Payments not booked", "money_off", "bad"),
    Watched(PaymentAttempt, "unknown_10m", "Payments unknown > 10 min", "help", "bad"),
    Watched(PaymentAttempt, "failed_24h", "Payments failed, 24 h", "credit_card_off", "warn"),
    Watched(StripeEvent, "failing", "Payment events failing", "sync_problem", "bad"),
    Watched(StripeEvent, "unhandled", "Payment events waiting > 2 min", "hourglass_top", "warn"),
    Watched(Invoice, "overdue", "Invoices overdue", "receipt_long", "warn"),
    Watched(Subscription, "past_due", "Subscriptions past due", "autorenew", "warn"),
    Watched(WebhookEndpoint, "failing", "Customers' webhooks failing", "webhook", "info"),
    Watched(WebhookEndpoint, "auto_disabled", "Webhooks disabled by us", "link_off", "info"),
    Watched(License, "expiring_30d", "Licenses expiring, 30 d", "event_busy", "info"),
    Watched(License, "suspended", "Licenses suspended", "pause_circle", "info"),
    Watched(Organization, "suspended", "Organizations suspended", "block", "info"),
    Watched(TrialWorkspace, "ending_3d", "Trials ending, 3 d", "hourglass_bottom", "info"),
    Watched(AdminNote, "flagged", "Flagged notes", "flag", "info"),
    Watched(User, "staff_without_factor", "Staff without 2nd factor", "no_encryption", "warn"),
    Watched(User, "new_7d", "New sign-ups, 7 d", "person_add", "news"),
)


def compose(request: HttpRequest, facts: dict[str, Any]) -> dict[str, Any]:
    """Add the page's facts: one count a watched set, one for the people, a few for the trail."""
    facts |= {
        "title": "Overview",
        "machinery": machinery(now()),
        "people": user_stats(),
        "latest": with_names(list(AuditLog.objects.all()[:LATEST])),
        "trail_url": reverse("admin:accounts_auditlog_changelist"),
    }
    return facts | arranged([_find(watched) for watched in WATCHED])


def arranged(findings: list[Finding]) -> dict[str, Any]:
    """Part what is there from what is not: a page of zeros hides the one that counts."""
    return {
        "findings": [found for found in findings if found.count],
        "quiet": [found for found in findings if not found.count],
        "all_clear": not any(found.count for found in findings if found.tone != "news"),
    }


def _find(watched: Watched) -> Finding:
    page: Any = admin.site.get_model_admin(watched.model)
    narrow = {named.name: named.narrow for named in page.attention}[watched.name]
    options = watched.model._meta
    listed = reverse(f"admin:{options.app_label}_{options.model_name}_changelist")
    count = narrow(watched.model._default_manager.order_by(), now()).count()
    url = f"{listed}?attention={watched.name}"
    return Finding(watched.title, count, url, watched.icon, watched.tone)

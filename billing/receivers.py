"""What happens next in billing: rows that were promised get their nudge after the commit."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver
from django.utils.timezone import now

from accounts.events import organization_closing, user_erased
from accounts.models import Organization, User
from accounts.services.privacy.erasure import forget_subject
from billing import events, tasks
from billing.models import BillingProfile, Invoice, PaymentAttempt, QuotaAlert, Subscription
from billing.services import announcements
from billing.services.api_plans import renew_allowances
from billing.services.standing import require_nothing_open
from config.kit.tasks import after_commit


@receiver(events.payment_requested)
def _payment_requested(attempt: PaymentAttempt, **_: Any) -> None:
    after_commit(tasks.charge_attempt, attempt.pk)


@receiver(events.vendor_event_stored)
def _vendor_event_stored(event_id: str, **_: Any) -> None:
    after_commit(tasks.apply_event, event_id)


@receiver(events.invoice_paid)
def _invoice_paid(invoice: Invoice, **_: Any) -> None:
    after_commit(tasks.render_invoice, invoice.pk)
    announcements.invoice_paid(invoice)


@receiver(events.payment_failed)
def _payment_failed(attempt: PaymentAttempt, **_: Any) -> None:
    announcements.payment_failed(attempt)


@receiver(events.subscription_activated)
def _subscription_activated(subscription: Subscription, **_: Any) -> None:
    announcements.subscription_changed(subscription, change="activated")
    renew_allowances(subscription, at=now())


@receiver(events.subscription_cancelled)
def _subscription_cancelled(subscription: Subscription, **_: Any) -> None:
    announcements.subscription_changed(subscription, change="cancelled")


@receiver(events.subscription_resumed)
def _subscription_resumed(subscription: Subscription, **_: Any) -> None:
    announcements.subscription_changed(subscription, change="resumed")


@receiver(events.subscription_ended)
def _subscription_ended(subscription: Subscription, **_: Any) -> None:
    announcements.subscription_changed(subscription, change="ended")
    renew_allowances(subscription, at=now())


@receiver(events.quota_threshold_reached)
def _quota_threshold_reached(alert: QuotaAlert, **_: Any) -> None:
    announcements.quota_reached(alert)


@receiver(organization_closing)
def _organization_closing(organization: Organization, **_: Any) -> None:
    require_nothing_open(organization)


@receiver(user_erased)
def _user_erased(user: User, **_: Any) -> None:
    """Forget whom invoices of a personal organization are made out to; those written stay by law."""
    profiles = BillingProfile.objects.filter(
        organization__created_by=user, organization__is_personal=True
    )
    subjects = [str(key) for key in profiles.values_list("organization_id", flat=True)]
    profiles.update(legal_name="", address="", vat_id="", stripe_customer_request=None)
    for subject in subjects:
        forget_subject(subject, "the person behind it was erased", [])

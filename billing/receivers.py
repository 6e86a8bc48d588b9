"""What happens next in billing: rows that were promised get their nudge after the commit."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from billing import events, tasks
from billing.models import Invoice, PaymentAttempt
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

"""Background work of billing: each task is a nudge, the row it names is the promise."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import structlog
from celery import shared_task
from django.utils.timezone import now

from billing.models import Invoice, PaymentAttempt
from billing.services import attempts, charging, checkout, documents, inbox, metering, quotas
from config.kit.errors import GatewayError
from config.kit.tasks import nudge_again

logger = structlog.get_logger(__name__)
_BATCH = 100
_RECENT, _EVERYTHING = timedelta(days=3), timedelta(days=400)


@shared_task(name="billing.charge_attempt")
def charge_attempt(attempt_id: str) -> None:
    charging.charge(UUID(attempt_id), at=now())


@shared_task(name="billing.apply_event")
def apply_event(event_id: str) -> None:
    try:
        inbox.apply_event(event_id, at=now())
    except Exception as error:
        # The boundary: staff must see on the event's own row that it crashed, and why.
        inbox.note_failure(event_id, error, at=now())
        raise


@shared_task(name="billing.look_at_page")
def look_at_page(attempt_id: str) -> None:
    checkout.look_at_page(UUID(attempt_id), at=now())


@shared_task(name="billing.render_invoice")
def render_invoice(invoice_id: str) -> None:
    documents.render_invoice(Invoice.objects.get(pk=invoice_id))


@shared_task(name="billing.sweep_inbox")
def sweep_inbox() -> None:
    """Start again what was stored and not applied."""
    nudge_again(apply_event, inbox.due(at=now()))


@shared_task(name="billing.sweep_attempts")
def sweep_attempts() -> None:
    """Start again charges whose nudge was lost, whose worker died or whose answer is missing."""
    nudge_again(charge_attempt, attempts.due(method=PaymentAttempt.Method.SAVED_CARD, at=now()))


@shared_task(name="billing.sweep_checkouts")
def sweep_checkouts() -> None:
    """Look at payment pages that wait, for webhooks that were lost."""
    nudge_again(look_at_page, attempts.due(method=PaymentAttempt.Method.HOSTED, at=now()))


@shared_task(name="billing.fetch_missed")
def fetch_missed() -> None:
    """Fetch the webhooks that did not arrive of late."""
    _fetch_missed(inbox.OVERLAP)


# It may take long after an outage; beat brings it again, so no second worker takes it over.
@shared_task(
    name="billing.fetch_long_missed", acks_late=False, time_limit=1800, soft_time_limit=1700
)
def fetch_long_missed() -> None:
    """Fetch the webhooks that did not arrive in the last days, as after an outage."""
    _fetch_missed(inbox.LOOK_BACK)


def _fetch_missed(span: timedelta) -> None:
    at = now()
    try:
        inbox.fetch_missed(since=at - span, at=at)
    except GatewayError as error:
        logger.warning("inbox.list_unanswered", code=error.code)


@shared_task(name="billing.sweep_documents")
def sweep_documents() -> None:
    """Make the documents of finalised invoices that have none yet."""
    unwritten = Invoice.objects.due_for_document(now()).order_by("-issued_at")[:_BATCH]
    nudge_again(render_invoice, (invoice.pk for invoice in unwritten))


@shared_task(name="billing.meter_usage")
def meter_usage() -> None:
    """Book the closed hours of the last days, and what arrived late for them."""
    metering.meter_calls(since=now() - _RECENT, at=now())


# So many days take long; beat brings it again each night, so no second worker takes it over.
@shared_task(name="billing.reconcile_usage", acks_late=False, time_limit=3600, soft_time_limit=3500)
def reconcile_usage() -> None:
    """Compare everything that is still summed up with what was booked, however late it came."""
    metering.meter_calls(since=now() - _EVERYTHING, at=now())


@shared_task(name="billing.watch_quotas")
def watch_quotas() -> None:
    quotas.watch_quotas(at=now())

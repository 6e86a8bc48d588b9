"""How the slow work stands: queues, streams, and promises in tables that wait to be kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection

from accounts.models import AccountMail, BulkJob, DataExport, WebhookDelivery
from billing.models import Invoice, PaymentAttempt, StripeEvent
from config.kit import tasks
from config.kit.redis import connect
from licensing.models import License, TrialWorkspace

CALLS = "api_calls"
MOST = 10_000
"""Nothing is counted further: how many more there are would help nobody."""


@dataclass(frozen=True, slots=True)
class Promise:
    """Rows that say what must happen, and the sweeper that asks for it again and again."""

    key: str
    title: str
    sweeper: str
    waiting: Callable[[datetime], Any]


PROMISES = (
    Promise(
        "stripe_events",
        "Webhooks of Stripe to apply",
        "billing.sweep_inbox",
        lambda at: StripeEvent.objects.waiting(at),
    ),
    Promise(
        "payment_attempts",
        "Payments without an answer",
        "billing.sweep_attempts",
        lambda at: PaymentAttempt.objects.filter(lease_until__lte=at).live(),
    ),
    Promise(
        "invoice_documents",
        "Invoices without a document",
        "billing.sweep_documents",
        lambda at: Invoice.objects.without_document(),
    ),
    Promise(
        "license_publications",
        "Licenses to publish to Redis",
        "licensing.sweep_publications",
        lambda at: License.objects.unpublished(),
    ),
    Promise(
        "trials",
        "Trials to provide or settle",
        "licensing.sweep_trials",
        lambda at: (
            TrialWorkspace.objects.unprovided()
            | TrialWorkspace.objects.unsettled()
            | TrialWorkspace.objects.unlimited()
        ),
    ),
    Promise(
        "closed_licenses",
        "Licenses of closed organizations to end",
        "licensing.sweep_closed",
        lambda at: License.objects.of_closed(),
    ),
    Promise(
        "webhook_deliveries",
        "Webhooks to deliver to customers",
        "accounts.sweep_webhooks",
        lambda at: WebhookDelivery.objects.due(at),
    ),
    Promise(
        "account_mails",
        "Mails of sign-up, reset and addresses to send",
        "accounts.sweep_account_mails",
        lambda at: AccountMail.objects.due(at),
    ),
    Promise(
        "data_exports",
        "Exports of data and lists to make",
        "accounts.sweep_data_exports",
        lambda at: DataExport.objects.due(at),
    ),
    Promise(
        "bulk_jobs",
        "Bulk actions to go on with",
        "accounts.sweep_bulk_jobs",
        lambda at: BulkJob.objects.due(at),
    ),
)


def queue_lengths() -> dict[str, int]:
    """Return how many tasks wait in each queue there is."""
    return tasks.queue_lengths(*(queue.name for queue in settings.CELERY_TASK_QUEUES))


def stream_length() -> int:
    """Return how many API calls wait to be written to their table."""
    return int(connect().xlen(CALLS))


def waiting(at: datetime) -> dict[str, int]:
    """Count the rows of every promise in one query."""
    parts = []
    values: list[Any] = []
    for promise in PROMISES:
        rows = promise.waiting(at).order_by().values("pk")[:MOST]
        statement, parameters = rows.query.sql_with_params()
        parts.append(f"(SELECT count(*) FROM ({statement}) AS waiting)")  # noqa: S608  the ORM's own SQL
        values += parameters
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(parts)}", values)
        counts = cursor.fetchone()
    return {promise.key: count for promise, count in zip(PROMISES, counts, strict=True)}

"""Scheduled work of the ground floor."""

from __future__ import annotations

from celery import shared_task
from django.db import connection
from django.utils.timezone import now

from accounts.services import idempotency


@shared_task(name="accounts.forget_idempotency_keys")
def forget_idempotency_keys() -> None:
    idempotency.forget_old_keys(at=now())


@shared_task(name="accounts.prepare_audit_partitions")
def prepare_audit_partitions() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit.prepare_partitions()")

"""Writes the ledger. What keeps it balanced is the database, not this module."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db import connection, transaction

from billing.models import LedgerAccount, LedgerEntry
from billing.rules.chart import Account, Leg

_POST = """
INSERT INTO billing_ledgertransaction (key, kind, reference, booked_at)
VALUES (%s, %s, %s::jsonb, %s) ON CONFLICT (key) DO NOTHING RETURNING id
"""


@transaction.atomic
def post(
    key: str, *, kind: str, legs: Sequence[Leg], at: datetime, reference: dict[str, Any]
) -> bool:
    """Post a transaction under the key of its cause; False when that was posted before.

    All legs go in with one statement, because the database seals a transaction with it.
    A second caller of the same key waits until the first has committed.
    """
    accounts = _accounts([leg.account for leg in legs])
    with connection.cursor() as cursor:
        cursor.execute(_POST, [key, kind, orjson.dumps(reference, default=str).decode(), at])
        row = cursor.fetchone()
    if row is None:
        return False
    LedgerEntry.objects.bulk_create(
        LedgerEntry(
            transaction_id=row[0],
            account_id=accounts[leg.account.code],
            currency=leg.account.currency,
            amount_minor=leg.amount_minor,
        )
        for leg in legs
    )
    return True


def _accounts(wanted: Sequence[Account]) -> dict[str, UUID]:
    """Return the ids of the accounts by code, opening those that are new.

    In order of code, so that two transactions never wait for each other crosswise.
    """
    by_code = {account.code: account for account in wanted}
    found = _ids(by_code)
    missing = [by_code[code] for code in sorted(by_code) if code not in found]
    if not missing:
        return found
    LedgerAccount.objects.bulk_create(
        [
            LedgerAccount(
                code=account.code,
                currency=account.currency,
                kind=account.kind.value,
                organization_id=account.organization_id,
            )
            for account in missing
        ],
        ignore_conflicts=True,
    )
    return _ids(by_code)


def _ids(codes: dict[str, Account]) -> dict[str, UUID]:
    return dict(LedgerAccount.objects.filter(code__in=codes).values_list("code", "id"))

"""Finding an API key by its secret, before anybody knows whose it is.

The function of migration 0010 looks behind the tenant wall for one row; what it returns goes to
whoever sent the key. Everything else is read through `for_organization`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from django.db import connection

from accounts.rules.verdicts import Facts, limits_of, standing

_FIND = (
    "SELECT id, organization_id, version, status, is_active, environment, name, scopes, tier,"
    " allowed_cidrs, expires_at, overlap_ends_at, external_id, metadata::text,"
    " organization_status, allowances::text, bought::text FROM accounts_find_api_key(%s)"
)


def find_key(hashes: Sequence[str]) -> Facts | None:
    """Return the key that has one of `hashes`; one statement, so facts and version belong together."""
    with connection.cursor() as cursor:
        cursor.execute(_FIND, [list(hashes)])
        row: Sequence[Any] | None = cursor.fetchone()
    if row is None:
        return None
    usable = {product: tuple(facts) for product, facts in orjson.loads(row[15]).items()}
    bought = {product: tuple(facts) for product, facts in orjson.loads(row[16]).items()}
    return Facts(
        key_id=row[0],
        organization_id=row[1],
        version=row[2],
        standing=standing(row[3], is_active=row[4], organization_status=row[14]),
        environment=row[5],
        name=row[6],
        scopes=tuple(row[7]),
        tier=row[8],
        allowed_cidrs=tuple(row[9]),
        expires_at=row[10],
        overlap_ends_at=row[11],
        external_id=row[12],
        metadata=orjson.loads(row[13]),
        limits=limits_of(row[8], usable, bought),
    )

"""When and how often keys were used: counted in Redis, written every ten seconds."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_address

from django.db import connection, transaction

from accounts.gateways import key_cache

_ALONE = "SELECT pg_try_advisory_xact_lock(hashtextextended('accounts.flush_uses', 0))"
# A time never moves backwards, whoever writes late; rows are locked in one order.
_WRITE = """
UPDATE accounts_apikey SET usage_count = usage_count + found.uses,
       last_used_at = greatest(last_used_at, found.at),
       last_used_ip = CASE WHEN last_used_at IS NULL OR found.at >= last_used_at
                           THEN coalesce(found.ip, last_used_ip) ELSE last_used_ip END
  FROM (SELECT target.id, source.uses, source.at, source.ip
          FROM unnest(%s::uuid[], %s::bigint[], %s::timestamptz[], %s::inet[])
               AS source (id, uses, at, ip)
          JOIN accounts_apikey target USING (id)
         ORDER BY target.id FOR UPDATE OF target) found
 WHERE accounts_apikey.id = found.id
"""


@transaction.atomic
def flush_uses() -> int:
    """Write what waits and return how many keys it was about. Raises `CacheAway`.

    Nothing while somebody else writes: both would be given the same uses and count them twice.
    Should the process die between the last step and the commit, ten seconds of uses are lost: the
    number is for people. What is billed comes from the calls themselves.
    """
    with connection.cursor() as cursor:
        cursor.execute(_ALONE)
        if not cursor.fetchone()[0]:
            return 0
    counts, seen = key_cache.take_uses()
    members = sorted(seen)
    if not members:
        return 0
    values = (
        members,
        [counts.get(member, 0) for member in members],
        [datetime.fromtimestamp(seen[member][0], UTC) for member in members],
        [_address(seen[member][1]) for member in members],
    )
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, values)
    key_cache.confirm_uses()
    return len(members)


def _address(digits: str) -> str | None:
    """Read an address as accounts.rules.addresses.hex_of writes it."""
    if not digits:
        return None
    address = ip_address(int(digits, 16).to_bytes(16, "big"))
    return str(getattr(address, "ipv4_mapped", None) or address)

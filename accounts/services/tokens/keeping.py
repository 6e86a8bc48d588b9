"""Forgetting what API sessions leave behind."""

from __future__ import annotations

from datetime import datetime, timedelta

from accounts.models import BridgeToken, DeviceAuthorization, RefreshToken

TOKENS_KEPT = timedelta(days=30)
"""After their end: so long a stolen token that comes back is known as one that was used."""
CODES_KEPT = timedelta(days=1)


def forget_old_tokens(*, at: datetime) -> int:
    """Delete tokens and codes that ended long ago; return how many."""
    gone = 0
    for rows in (
        RefreshToken.objects.filter(expires_at__lt=at - TOKENS_KEPT),
        BridgeToken.objects.filter(expires_at__lt=at - CODES_KEPT),
        DeviceAuthorization.objects.filter(expires_at__lt=at - CODES_KEPT),
    ):
        deleted, _ = rows.delete()
        gone += deleted
    return gone

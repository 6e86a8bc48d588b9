"""API calls: recorded on a stream, stored, summed up by the hour, shown and metered."""

from __future__ import annotations

from accounts.services.calls.recording import record
from accounts.services.calls.usage import used_this_month

__all__ = ["record", "used_this_month"]

"""How often the API may be asked a minute: by key, by person, by address."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.utils.timezone import now
from rest_framework.throttling import BaseThrottle

from accounts.services import limits
from config.kit import context


class Throttle(BaseThrottle):
    """Counts the request against its caller's limit; the middleware writes the headers.

    An API key has the rate of its tier, a person and an unknown address those of the settings.
    Raises `TooManyRequests`. Without Redis nobody is counted.
    """

    def allow_request(self, request: Any, view: Any) -> bool:
        who, limit = caller_of(request)
        rate = limits.take(who, limit=limit, at=now())
        request._request.rate = rate
        limits.require(rate)
        return True


def caller_of(request: Any) -> tuple[str, int]:
    """Name the caller in the counter's key, and say how much they may."""
    key = getattr(request, "api_key", None)
    if key is not None:
        return f"api:{key.key_id}", key.requests_per_minute
    if request.user.is_authenticated:
        return f"person:{request.user.pk}", settings.API_REQUESTS_PER_PERSON
    here = context.current()
    return f"address:{here.ip if here else None}", settings.API_REQUESTS_PER_ADDRESS

"""What the doors for programs share: their answers with the limit, and the device's token."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse

from config.kit import hot
from config.kit.hot import caller_ip, tell_limit
from licensing.gateways.cache import Allowance
from licensing.rules.refusals import UnknownDeviceToken
from licensing.services.devices import TOKEN_PREFIX
from licensing.services.validation import count_wrong_secret


def answer(
    document: dict[str, Any], *, status: int = 200, allowance: Allowance | None = None
) -> HttpResponse:
    return _told(hot.answer(document, status=status), allowance)


def nothing(allowance: Allowance | None) -> HttpResponse:
    """Answer 204."""
    return _told(HttpResponse(status=204), allowance)


def device_token(request: HttpRequest) -> str:
    """Return the bearer token; raise `UnknownDeviceToken` for anything that is no device token."""
    scheme, _, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() != "bearer" or not token.startswith(TOKEN_PREFIX) or len(token) > 128:
        count_wrong_secret(caller_ip())
        raise UnknownDeviceToken
    return token


def _told(response: HttpResponse, allowance: Allowance | None) -> HttpResponse:
    if allowance is not None:
        tell_limit(response, allowance.limit, allowance.limit - allowance.used, allowance.seconds)
    return response

"""What a customer's service, or the operator's gateway, asks with every call: is this key good?

A thin view without DRF. Its shape is described for the schema in accounts.api.keys.schema.
"""

from __future__ import annotations

import re
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.timezone import now

from accounts.rules.addresses import hex_of
from accounts.rules.calls import OWN_API, RESERVED
from accounts.rules.verdicts import DETAILS, Code
from accounts.services import limits
from accounts.services.keys import Verdict, verify
from config.kit.api import read_object
from config.kit.fields import MISSING, FieldFault, read_fields, text
from config.kit.hot import answer, caller_ip, hot_path, written

_SCOPE = re.compile(r"[A-Za-z0-9_.:*-]{1,64}")
_PRODUCT = re.compile(r"[A-Za-z0-9_.-]{1,80}")
_METHOD = re.compile(r"[A-Z]{1,10}")
MOST_SCOPES = 50
MOST_COST = 1000
UNNAMED = "VERIFY"  # what is recorded as the method of a call that did not say its own
_NOTHING = {
    "key_id": None,
    "organization_id": None,
    "environment": None,
    "name": None,
    "external_id": None,
    "metadata": None,
    "tier": None,
    "scopes": None,
    "expires_at": None,
}


@hot_path
def verify_key(request: HttpRequest) -> HttpResponse:
    fields = read_fields(read_object(request), _BODY)
    at = now()
    found = verify(
        bearer(request.META.get("HTTP_AUTHORIZATION", "")),
        fields["key"],
        caller_ip=caller_ip(),
        at=at,
        ip=fields["ip"],
        scopes=fields["scopes"],
        product=fields["product"],
        # What follows a question mark may hold secrets and is nobody's name for an endpoint.
        endpoint=fields["endpoint"].partition("?")[0],
        method=fields["method"] or UNNAMED,
        cost=fields["cost"],
    )
    resets = limits.month_end(at)
    return answer(
        {
            "valid": found.code is Code.VALID,
            "code": found.code.value,
            "detail": DETAILS[found.code],
            **(_NOTHING if found.described is None else _shown(found.described)),
            "ratelimit": _rate(found),
            "quota": _quota(found, written(resets)),
            "call_id": found.call_id and str(found.call_id),
            "degraded": found.degraded,
        }
    )


def bearer(header: str) -> str:
    """Return the token of an Authorization header; empty for another scheme."""
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _shown(described: Any) -> dict[str, Any]:
    return {name: described[name] for name in _NOTHING}


def _rate(found: Verdict) -> dict[str, int] | None:
    rate = found.rate
    if rate is None:
        return None
    return {"limit": rate.limit, "remaining": rate.remaining, "reset": rate.reset}


def _quota(found: Verdict, resets_at: str | None) -> dict[str, Any] | None:
    if found.used is None:
        return None
    left = None if found.quota is None else max(0, found.quota - found.used)
    return {
        "limit": found.quota,
        "used": found.used,
        "remaining": left,
        "resets_at": resets_at,
    }


def _scopes(value: Any) -> tuple[str, ...]:
    if value is MISSING or value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(scope, str) for scope in value):
        raise FieldFault("invalid_type", "This must be a list of strings.")
    if len(value) > MOST_SCOPES:
        raise FieldFault("too_long", f"At most {MOST_SCOPES} scopes are allowed.")
    if not all(_SCOPE.fullmatch(scope) for scope in value):
        raise FieldFault("invalid", "A scope reads like area:verb.")
    return tuple(value)


def _matching(pattern: re.Pattern[str], limit: int, detail: str) -> Any:
    line = text(limit, required=False, default="")

    def read(value: Any) -> str:
        found: str = line(value)
        if found and pattern.fullmatch(found) is None:
            raise FieldFault("invalid", detail)
        return found

    return read


def _product(value: Any) -> str:
    found: str = _named(value)
    if found == OWN_API:
        raise FieldFault("reserved", RESERVED)
    return found


def _cost(value: Any) -> int:
    if value is MISSING or value is None:
        return 1
    if isinstance(value, bool) or not isinstance(value, int):
        raise FieldFault("invalid_type", "This must be a whole number.")
    if not 0 <= value <= MOST_COST:
        raise FieldFault("out_of_range", f"0 to {MOST_COST}.")
    return value


def _ip(value: Any) -> str | None:
    found: str | None = text(45, required=False)(value)
    if found is not None and not hex_of(found):
        raise FieldFault("invalid", "This is no IP address.")
    return found


_named = _matching(_PRODUCT, 80, "Letters, digits, dots and dashes.")
_BODY = {
    "key": text(255),
    "scopes": _scopes,
    "product": _product,
    "endpoint": text(255, required=False, default=""),
    "method": _matching(_METHOD, 10, "Capital letters, such as GET."),
    "cost": _cost,
    "ip": _ip,
}

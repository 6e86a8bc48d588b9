"""Reading what customers' services report: each call by itself, so that one bad one stops none."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from django.utils.dateparse import parse_datetime

from accounts.rules.calls import MOST_MILLISECONDS, OWN_API, RESERVED, Call, id_at, moment_of
from accounts.services.calls.identity import is_verified

MOST = 1000
OLDEST, NEWEST = timedelta(hours=24), timedelta(minutes=5)
APART = timedelta(minutes=1)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")
_NEAR = "Calls are taken from the last 24 hours, and 5 minutes ahead."
FIELDS = frozenset({
    "id", "call_id", "key_id", "product", "endpoint", "method", "status_code", "latency_ms", "at",
    "request_body", "response_body",
})  # fmt: skip


@dataclass
class ItemRefused(Exception):
    """One call of a batch is not taken; `field` is empty when it is the whole."""

    field: str
    code: str
    detail: str


def key_of(item: Any) -> UUID | None:
    """Return the key a call names, to look all keys of a batch up at once; None for nonsense."""
    try:
        return UUID(item["key_id"])
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


@dataclass(frozen=True, slots=True)
class Unnamed:
    """What a call without an id gets one from; the same `noise` when a batch is sent again."""

    made_at: datetime
    noise: int | None = None


def read_call(
    item: Any, organization_id: UUID, known: Collection[UUID], at: datetime, unnamed: Unnamed
) -> Call:
    """Return the call that `item` describes; raises `ItemRefused` with the field that is wrong.

    A `call_id` that no verification gave is an id like any other: its call counts.
    """
    if not isinstance(item, Mapping):
        raise ItemRefused("", "invalid", "A call is a JSON object.")
    if unknown := sorted(set(item) - FIELDS):
        raise ItemRefused(unknown[0], "unknown", "Unknown field.")
    key = key_of(item)
    if key is None or key not in known:
        raise ItemRefused("key_id", "unknown_key", "No API key of this organization has this id.")
    identity = _identity(item, at, unnamed)
    completes = "call_id" in item and is_verified(identity)
    is_named = "id" in item or "call_id" in item or unnamed.noise is not None
    return Call(
        id=identity,
        organization_id=organization_id,
        api_key_id=key,
        product=_product(item),
        endpoint=_text(item, "endpoint", 2000),
        method=_method(item),
        status_code=_number(item, "status_code", 100, 599),
        latency_ms=_number(item, "latency_ms", 0, MOST_MILLISECONDS),
        request_body=_body(item, "request_body"),
        response_body=_body(item, "response_body"),
        reported=True,
        completes=completes,
        may_repeat=is_named and not completes,
    )


def _identity(item: Mapping[str, Any], at: datetime, unnamed: Unnamed) -> UUID:
    """Return the call's id: the one it has from a verification or its service, else a new one."""
    if "id" in item and "call_id" in item:
        raise ItemRefused("id", "ambiguous", "Send id or call_id, not both.")
    name = "call_id" if "call_id" in item else "id"
    said = _moment(item, at) if "at" in item else None
    if name not in item:
        noise = secrets.randbits(74) if unnamed.noise is None else unnamed.noise
        return id_at(said or unnamed.made_at, noise)
    try:
        key = UUID(item[name])
    except (TypeError, ValueError, AttributeError):
        raise ItemRefused(name, "invalid", "Send a UUID.") from None
    if key.version != 7:
        raise ItemRefused(name, "not_time_ordered", "Send a UUID version 7: it bears the time.")
    try:
        moment = moment_of(key)
    except ValueError:  # its 48 bits reach beyond the year 9999
        raise ItemRefused(name, "out_of_time", _NEAR) from None
    _require_near(name, moment, at)
    if said is not None and abs(said - moment) > APART:
        raise ItemRefused("at", "time_mismatch", "The id bears another time.")
    return key


def _moment(item: Mapping[str, Any], at: datetime) -> datetime:
    try:
        moment = parse_datetime(item["at"])
    except (TypeError, ValueError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ItemRefused("at", "invalid", "Send a time with its offset, as in RFC 3339.")
    _require_near("at", moment, at)
    return moment


def _require_near(field: str, moment: datetime, at: datetime) -> None:
    if not at - OLDEST <= moment <= at + NEWEST:
        raise ItemRefused(field, "out_of_time", _NEAR)


def _product(item: Mapping[str, Any]) -> str:
    product = _text(item, "product", 80, required=False)
    if product == OWN_API:
        raise ItemRefused("product", "reserved", RESERVED)
    return product


def _text(item: Mapping[str, Any], name: str, longest: int, *, required: bool = True) -> str:
    value = item.get(name, "")
    if not isinstance(value, str) or "\x00" in value or len(value) > longest:
        raise ItemRefused(name, "invalid", f"Send a text of at most {longest} characters.")
    if required and not value.strip():
        raise ItemRefused(name, "required", "This field is required.")
    return value


def _method(item: Mapping[str, Any]) -> str:
    value = item.get("method")
    if not isinstance(value, str) or value.upper() not in METHODS:
        raise ItemRefused("method", "invalid", f"Send one of {', '.join(METHODS)}.")
    return value.upper()


def _number(item: Mapping[str, Any], name: str, least: int, most: int) -> int:
    value = item.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ItemRefused(name, "invalid", "Send a number.")
    if not least <= value <= most:
        raise ItemRefused(name, "out_of_range", f"Send {least} to {most}.")
    return round(value)


def _body(item: Mapping[str, Any], name: str) -> str | None:
    """Return a body as text; JSON may be sent as it is."""
    value = item.get(name)
    if value is None:
        return None
    if isinstance(value, str):
        return value.replace("\x00", "")
    return orjson.dumps(value).decode()

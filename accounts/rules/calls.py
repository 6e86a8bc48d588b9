"""One API call: its facts, its place in time, and its form on the stream."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

VALID = "VALID"
OWN_API = "switchyard-api"
"""The product that calls of our own API are noted under: shown, never metered."""
RESERVED = "This name stands for our own API."
"""Why nobody else's call may bear that product."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
LONGEST_ENDPOINT = 200
MOST_MILLISECONDS = 2**31 - 1
_VARIABLE = re.compile(
    r"^(?:\d+|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{16,}"
    r"|[^/]*@[^/]*|(?=[^/]*\d)[A-Za-z0-9_-]{20,})$",
    re.IGNORECASE,
)
_METHOD = re.compile(r"[A-Z]{1,16}")
_OUTCOME = re.compile(r"[A-Z][A-Z_]{0,31}")


class BadEntry(ValueError):
    """An entry of the stream that is no call; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Call:
    """`id` is a UUID version 7 and bears the moment of the call, so the pair is one identity.

    `reported` marks what a customer's service told afterwards: it completes a call of the same id
    instead of being ignored as a repetition. Of those, `completes` names a verified call, which
    counted towards the quota then, and `may_repeat` has the same id when its sender sends it
    again.
    """

    id: UUID
    organization_id: UUID
    api_key_id: UUID
    endpoint: str
    method: str
    status_code: int
    latency_ms: int
    product: str = ""
    outcome: str = VALID
    request_body: str | None = None
    response_body: str | None = None
    reported: bool = False
    completes: bool = False
    may_repeat: bool = False

    @property
    def called_at(self) -> datetime:
        return moment_of(self.id)


def moment_of(key: UUID) -> datetime:
    """Return the moment that a UUID version 7 bears, to the millisecond."""
    milliseconds = key.int >> 80
    return datetime.fromtimestamp(milliseconds // 1000, UTC).replace(
        microsecond=milliseconds % 1000 * 1000
    )


def id_at(moment: datetime, noise: int) -> UUID:
    """Return a UUID version 7 that bears `moment`; `noise` fills its 74 random bits."""
    milliseconds = (moment - EPOCH) // MILLISECOND
    high, low = noise >> 62 & 0xFFF, noise & (1 << 62) - 1
    return UUID(int=milliseconds << 80 | 7 << 76 | high << 64 | 2 << 62 | low)


def clean_endpoint(text: str) -> str:
    """Return the path of an endpoint: no query, no host, and names instead of what varies.

    `/v1/users/4711/keys?token=...` and `/v1/users/42/keys` are both `/v1/users/:id/keys`.
    """
    path = re.split(r"[?#]", text.replace("\x00", ""), maxsplit=1)[0]
    path = re.sub(r"^[a-z][a-z0-9+.-]*://[^/]*", "", path, flags=re.IGNORECASE).strip()
    parts = [":id" if _VARIABLE.match(part) else part for part in path.split("/")]
    return "/".join(parts)[:LONGEST_ENDPOINT] or "/"


def entry_of(call: Call) -> dict[str, str]:
    """Return the stream fields of a call; empty ones are left out."""
    fields = {
        "id": str(call.id),
        "at": str(call.id.int >> 80),
        "org": str(call.organization_id),
        "key": str(call.api_key_id),
        "product": call.product,
        "endpoint": call.endpoint,
        "method": call.method,
        "status": str(call.status_code),
        "latency": str(call.latency_ms),
        "outcome": call.outcome,
        "body_in": call.request_body or "",
        "body_out": call.response_body or "",
        "reported": "1" if call.reported else "",
    }
    return {name: value for name, value in fields.items() if value}


def read_entry(fields: Mapping[bytes, bytes]) -> Call:
    """Read an entry of the stream; raises `BadEntry` for what the table would refuse."""
    texts = {
        name.decode(): value.decode(errors="replace").replace("\x00", "")
        for name, value in fields.items()
    }
    try:
        call = Call(
            id=UUID(texts["id"]),
            organization_id=UUID(texts["org"]),
            api_key_id=UUID(texts["key"]),
            endpoint=clean_endpoint(texts["endpoint"]),
            method=texts["method"].upper(),
            status_code=int(texts["status"]),
            latency_ms=round(float(texts["latency"])),
            product=texts.get("product", "")[:80],
            outcome=texts.get("outcome", VALID),
            request_body=texts.get("body_in"),
            response_body=texts.get("body_out"),
            reported=texts.get("reported") == "1",
        )
    except (KeyError, ValueError, OverflowError) as error:
        raise BadEntry(f"{type(error).__name__}: {error}") from error
    return _checked(call)


def _checked(call: Call) -> Call:
    if call.id.version != 7:
        raise BadEntry("the id is no UUID version 7")
    if not 100 <= call.status_code <= 599:
        raise BadEntry("the status is not one of HTTP")
    if not 0 <= call.latency_ms <= MOST_MILLISECONDS:
        raise BadEntry("the latency is out of range")
    if not _METHOD.fullmatch(call.method) or not _OUTCOME.fullmatch(call.outcome):
        raise BadEntry("the method or the outcome is not a word in capitals")
    return call

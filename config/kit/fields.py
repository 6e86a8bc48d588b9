"""Reading the body of a thin view: every field by hand, every fault by its pointer."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from config.kit.errors import InvalidInput

Reader = Callable[[Any], Any]
MISSING = object()
# Control characters, line separators and marks that reverse the direction of writing: they have
# no place in a name, and in a list they could make one line look like another.
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class FieldFault(Exception):
    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def read_fields(body: Mapping[str, Any], readers: Mapping[str, Reader]) -> dict[str, Any]:
    """Return the fields that `readers` name; refuse all faults at once, unknown names too."""
    errors = [
        {"pointer": f"/{_pointer(name)}", "code": "unknown", "detail": "Unknown field."}
        for name in body
        if name not in readers
    ]
    values: dict[str, Any] = {}
    for name, read in readers.items():
        try:
            values[name] = read(body.get(name, MISSING))
        except FieldFault as fault:
            errors.append({"pointer": f"/{name}", "code": fault.code, "detail": fault.detail})
    if errors:
        raise InvalidInput(errors=errors[:20])
    return values


def text(limit: int, *, required: bool = True, default: str | None = None) -> Reader:
    """Read one trimmed line of at most `limit` characters; `default` stands for an absent one."""

    def read(value: Any) -> str | None:
        if value is MISSING or value is None:
            if required:
                raise FieldFault("required", "This field is required.")
            return default
        if not isinstance(value, str):
            raise FieldFault("invalid_type", "This must be a string.")
        line = _one_line(value.strip(), limit)
        if not line and default is None:
            raise FieldFault("blank", "This must not be blank.")
        return line or default

    return read


def _one_line(value: str, limit: int) -> str:
    if len(value) > limit:
        raise FieldFault("too_long", f"At most {limit} characters are allowed.")
    if _FORBIDDEN.search(value):
        raise FieldFault("control_character", "Control characters are not allowed.")
    return value


def nonce(value: Any) -> str | int | None:
    """Read what the caller wants back unchanged: text up to 128 characters or a whole number."""
    if value is MISSING or value is None:
        return None
    if isinstance(value, str):
        if len(value) > 128:
            raise FieldFault("too_long", "At most 128 characters are allowed.")
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise FieldFault("invalid_type", "This must be a string or a whole number.")


def _pointer(name: str) -> str:
    return name[:64].replace("~", "~0").replace("/", "~1")

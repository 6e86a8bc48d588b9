"""Form parameters: decoded from Stripe's bracket notation and checked against a schema.

A schema is a dictionary of names. A value is one of the words below, a tuple of
allowed strings, a nested schema, or a list of one schema for arrays.
"""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import parse_qsl

from billing.standins.stripe import errors

INT: Final = "integer"
STR: Final = "string"
BOOL: Final = "boolean"
URL: Final = "url"  # ends up in Location and in a policy header, so it is checked closely
MAP: Final = "map"  # metadata: any key, string values; an empty string unsets the key
RANGE: Final = "range"  # a timestamp, or gt/gte/lt/lte

Schema = dict[str, Any]

LIST: Final[Schema] = {
    "limit": INT,
    "starting_after": STR,
    "ending_before": STR,
    "expand": [STR],
}
RANGE_BOUNDS: Final[Schema] = {"gt": INT, "gte": INT, "lt": INT, "lte": INT}

_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_KEY = re.compile(r"\[([^\[\]]*)\]")
_URL = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+(?:[/?#]\S*)?", re.ASCII)
_INTEGER = re.compile(r"-?\d{1,18}")
_METADATA_KEY_LENGTH = 40
_METADATA_VALUE_LENGTH = 500
_METADATA_KEYS = 50


def decode(encoded: str) -> dict[str, Any]:
    """Nested dictionaries out of ``a[b][0]=c``; arrays stay dictionaries until checked."""
    decoded: dict[str, Any] = {}
    for name, value in parse_qsl(encoded, keep_blank_values=True, max_num_fields=1000):
        match = _NAME.fullmatch(name)
        if match is None:
            raise errors.unknown_parameter(name)
        _place(decoded, [match[1], *_KEY.findall(match[2])], name, value)
    return decoded


def _place(target: dict[str, Any], path: list[str], name: str, value: str) -> None:
    for key in path[:-1]:
        target = target.setdefault(key or str(len(target)), {})
        if not isinstance(target, dict):
            raise errors.invalid(f"Invalid parameter: {name}", param=name)
    last = path[-1] or str(len(target))
    if isinstance(target.get(last), dict):
        raise errors.invalid(f"Invalid parameter: {name}", param=name)
    target[last] = value


def check(given: dict[str, Any], schema: Schema, *, prefix: str = "") -> dict[str, Any]:
    """The parameters in Python's types; unknown names and wrong values are refused."""
    checked: dict[str, Any] = {}
    for key, value in given.items():
        name = f"{prefix}[{key}]" if prefix else key
        if key not in schema:
            raise errors.unknown_parameter(name)
        checked[key] = _value(value, schema[key], name)
    return checked


def _value(value: Any, kind: Any, name: str) -> Any:
    if isinstance(kind, dict):
        return None if value == "" else check(_mapping(value, name), kind, prefix=name)
    if isinstance(kind, list):
        items = {} if value == "" else _mapping(value, name)
        return [_value(item, kind[0], f"{name}[{key}]") for key, item in items.items()]
    if kind == MAP:
        return _metadata(value, name)
    if kind == RANGE:
        return _range(value, name)
    return _scalar(value, kind, name)


def _range(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return check(value, RANGE_BOUNDS, prefix=name)
    return _scalar(value, INT, name)


def _scalar(value: Any, kind: Any, name: str) -> Any:
    if not isinstance(value, str):
        raise errors.invalid(f"Invalid string: {name}", param=name)
    if kind == INT:
        if not _INTEGER.fullmatch(value):
            raise errors.invalid(
                f"Invalid integer: {value}", param=name, code="parameter_invalid_integer"
            )
        return int(value)
    if kind == BOOL:
        if value not in ("true", "false"):
            raise errors.invalid(f"Invalid boolean: {value}", param=name)
        return value == "true"
    return _text(value, kind, name)


def _text(value: str, kind: Any, name: str) -> str:
    if len(value) > 5000 or "\x00" in value:
        raise errors.invalid(f"Invalid string: {name}", param=name)
    if kind == URL and not (_URL.fullmatch(value) and value.isprintable()):
        raise errors.invalid("Not a valid URL", param=name, code="url_invalid")
    if isinstance(kind, tuple) and value not in kind:
        allowed = ", ".join(kind)
        raise errors.invalid(f"Invalid {name}: must be one of {allowed}", param=name)
    return value


def _mapping(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise errors.invalid(f"Invalid object: {name}", param=name)
    return value


def _metadata(value: Any, name: str) -> dict[str, str]:
    if value == "":
        return {}
    metadata = _mapping(value, name)
    for key, text in metadata.items():
        too_long = len(key) > _METADATA_KEY_LENGTH or len(text) > _METADATA_VALUE_LENGTH
        if not isinstance(text, str) or too_long:
            raise errors.invalid(f"Invalid metadata: {key}", param=f"{name}[{key}]")
    if len(metadata) > _METADATA_KEYS:
        raise errors.invalid("Metadata holds at most 50 keys.", param=name)
    return metadata


def merge_metadata(old: dict[str, str], new: dict[str, str] | None) -> dict[str, str]:
    """Stripe's update rule: named keys change, an empty string removes one."""
    if new is None:
        return old
    if new == {}:
        return {}
    return {key: text for key, text in {**old, **new}.items() if text != ""}

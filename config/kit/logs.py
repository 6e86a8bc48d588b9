"""Structured logs: one JSON object a line, with the request's context and without secrets."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any

import structlog

from config.kit import context

_SECRET_NAMES = re.compile(
    r"(password|passwd|secret|token|authorization|cookie|api_key|license_key|card|cvc)",
    re.IGNORECASE,
)
_SECRET_VALUES = re.compile(
    r"(sk_(?:test|live)_\w+|whsec_\w+|Bearer\s+\S+|SWY(?:-[0-9A-Z]{5}){4,}|sydt_\S+|sw_(?:live|test)_\w+"
    r"|postgres(?:ql)?://[^@\s]+@|redis://[^@\s]+@)"
)
_HIDDEN = "***"


def add_context(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Add who acts, for whom and in which request."""
    here = context.current()
    if here is not None:
        event.setdefault("request_id", here.request_id)
        if here.actor_id:
            event.setdefault("actor_id", here.actor_id)
        if here.organization_id:
            event.setdefault("organization_id", str(here.organization_id))
    return event


def scrub(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide secrets by the name of the field and by the shape of the value."""
    for name, value in event.items():
        if _SECRET_NAMES.search(name):
            event[name] = _HIDDEN
        elif isinstance(value, str):
            event[name] = _SECRET_VALUES.sub(_HIDDEN, value)
    return event


PROCESSORS: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    add_context,
    structlog.processors.format_exc_info,
    scrub,
]


def configure() -> None:
    """Send structlog through the standard library, so that both end in the same lines."""
    structlog.configure(
        processors=[
            *PROCESSORS[:3],
            *PROCESSORS[4:],
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def dictionary(level: str) -> dict[str, Any]:
    """Return Django's LOGGING: every line is JSON on standard error."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": PROCESSORS,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.JSONRenderer(default=str),
                ],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django.request": {"level": "ERROR"},
            "django.security": {"level": "WARNING"},
            "django.utils.autoreload": {"level": "WARNING"},
            "httpx": {"level": "WARNING"},
            "stripe": {"level": "WARNING"},
        },
    }

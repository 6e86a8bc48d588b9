"""Structured logs: one JSON object a line, with the request's context and without secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

from config.kit import context

_SECRET_NAMES = re.compile(
    r"(password|passwd|secret|token|authorization|cookie|api_key|license_key|card|cvc|verifier"
    r"|challenge|device_code|user_code)",
    re.IGNORECASE,
)
_SECRET_VALUES = re.compile(
    r"sk_(?:test|live)_\w+|whsec_\w+|Bearer\s+\S+|SWY(?:-[0-9A-Z]{5}){4,}|sydt_\S+|swrt_\S+"
    r"|sw_(?:live|test)_\w+|eyJ[\w-]{8,}\.[\w-]+\.[\w-]*"
    r"|(?<=://)[^@\s/]+(?=@)"
    # Links that let their holder in: the secret is a part of the address.
    r"|(?<=/invitations/)[^/\s\"'?]+|(?<=/confirm-email/)[^/\s\"'?]+|(?<=/reset/key/)[^/\s\"'?]+"
    r"|(?<=[?&]code=)[^&\s\"']+|(?<=[?&]state=)[^&\s\"']+|(?<=[?&]token=)[^&\s\"']+"
    # Whatever else `random_token` made: invitations, codes, challenges, keys of sessions.
    r"|(?<![\w-])(?=[\w-]*[A-Z])(?=[\w-]*[a-z])(?=[\w-]*\d)[A-Za-z0-9_-]{43}(?![\w-])"
)
_HIDDEN = "***"
_DEEPEST = 6


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
        event[name] = _scrubbed(name, value, _DEEPEST)
    return event


def _scrubbed(name: str, value: Any, depth: int) -> Any:
    if name.startswith("_"):
        return value  # the library's own: the record itself, which is not written
    if _SECRET_NAMES.search(name):
        return _HIDDEN
    if isinstance(value, str):
        return _SECRET_VALUES.sub(_HIDDEN, value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth == 0:
        return _HIDDEN
    if isinstance(value, Mapping):
        return {str(key): _scrubbed(str(key), each, depth - 1) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_scrubbed("", each, depth - 1) for each in value]
    # Written as its text in the end, like a request with its address.
    return _SECRET_VALUES.sub(_HIDDEN, str(value))


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
    """Return Django's LOGGING: every line is JSON on standard error, and none is mailed."""
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
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": "json", "level": level}
        },
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Named, because Django's own set-up mails errors to ADMINS, with cookies and forms.
            # Below INFO its templates write everything they were given, links too.
            "django": {"handlers": [], "level": "INFO"},
            "django.request": {"level": "ERROR"},
            "django.security": {"level": "WARNING"},
            "django.server": {"handlers": [], "level": "INFO", "propagate": True},
            "django.utils.autoreload": {"level": "WARNING"},
            # A line for each task that is due, came and went; what fails is an error.
            "celery.beat": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
            # Of the worker's pool: it hands nothing on to the root.
            "multiprocessing": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
            "httpx": {"level": "WARNING"},
            "stripe": {"level": "WARNING"},
        },
    }

"""Around every request: its id and context, its headers, its refusals, its toasts."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from functools import lru_cache
from random import getrandbits
from typing import Any

from django.conf import settings
from django.contrib.messages import get_messages
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.cache import patch_vary_headers

from config.kit import context
from config.kit.errors import BodyTooLarge, DomainError
from config.kit.problems import problem_response, wants_problem
from config.web.errors import refusal_page

GetResponse = Callable[[HttpRequest], HttpResponse]
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_CSP = "; ".join(f"{name} {' '.join(values)}" for name, values in settings.CSP.items())


class RequestContextMiddleware:
    """Opens the context that logs, audit and tenancy read; echoes X-Request-Id."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        here = context_of(request.META)
        request.request_id = here.request_id  # type: ignore[attr-defined]
        with context.use(here):
            response = self.get_response(request)
        response["X-Request-Id"] = here.request_id
        return response


def context_of(environ: dict[str, Any]) -> context.Context:
    """Read who asks from a request's environment; an id that is not well formed is replaced."""
    offered = environ.get("HTTP_X_REQUEST_ID", "")
    return context.Context(
        ip=client_address(environ),
        user_agent=environ.get("HTTP_USER_AGENT", "").replace("\x00", "")[:400],
        request_id=offered if _REQUEST_ID.fullmatch(offered) else new_request_id(),
    )


def new_request_id() -> str:
    """Return 128 random bits: unique, not secret, and made without a system call."""
    return f"{getrandbits(128):032x}"


def client_address(environ: dict[str, Any]) -> str | None:
    """Return the caller's address; X-Forwarded-For counts only as far as our own proxies wrote it."""
    address = environ.get("REMOTE_ADDR", "")
    if settings.TRUSTED_PROXIES:
        hops = [hop.strip() for hop in environ.get("HTTP_X_FORWARDED_FOR", "").split(",")]
        if len(hops) >= settings.TRUSTED_PROXIES:
            address = hops[-settings.TRUSTED_PROXIES]
    return _read_address(address)


@lru_cache(maxsize=4096)
def _read_address(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


class SecurityHeadersMiddleware:
    """Content-Security-Policy and its relatives on every answer that does not bring its own."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", _CSP)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        response.headers.setdefault(
            "Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()"
        )
        if not request.path.startswith(settings.STATIC_URL):
            response.headers.setdefault("Cache-Control", "no-store")
        return response


class RefusalMiddleware:
    """Renders a DomainError: a problem document for programs and scripts, a page for people."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        return _refuse(request, error) if isinstance(error, DomainError) else None


class BodySizeMiddleware:
    """Refuses a body larger than any that is taken, before somebody reads and keeps it.

    What comes without a length, in chunks, is read as empty.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        length = request.META.get("CONTENT_LENGTH") or "0"
        if not length.isdecimal() or int(length) > settings.LARGEST_BODY:
            return _refuse(request, BodyTooLarge("This is larger than the 8 MB that are taken."))
        return self.get_response(request)


def _refuse(request: HttpRequest, error: DomainError) -> HttpResponse:
    # A script shows the sentence alone; the page that it stands on stays.
    if wants_problem(request) or "HX-Request" in request.headers:
        return problem_response(error)
    return refusal_page(request, error)


class ToastMiddleware:
    """Sends Django's messages along with htmx fragments, out of band."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        htmx = getattr(request, "htmx", None)
        if not response.headers.get("Content-Type", "").startswith("text/html"):
            return response
        patch_vary_headers(response, ["HX-Request"])
        if htmx and not htmx.boosted and response.status_code == 200 and not response.streaming:
            waiting = list(get_messages(request))
            if waiting:
                fragment = render_to_string("components/toasts_oob.html", {"messages": waiting})
                response.content += fragment.encode()
        return response

"""The WSGI handler: hot paths take a short way in, everything else Django's full one.

Signals, sessions, messages and static files cost more than a license check itself, and the
callers of hot paths bring no cookie. They keep what they need: a context with a request id, the
refusal of unknown hosts, connections that are checked before use, the headers of an API answer,
and the error documents of the house.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings
from django.core.handlers.exception import response_for_exception
from django.core.handlers.wsgi import LimitedStream, WSGIHandler, WSGIRequest
from django.db import connections
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, URLResolver, get_resolver

from config.kit import context
from config.operations.requests import measured
from config.web.middleware import context_of

View = Callable[..., HttpResponse]
Environ = dict[str, Any]
_ALWAYS = (("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"))
_our_hosts: set[str] = set()
_MOST_HOSTS = 64
StartResponse = Callable[[str, list[tuple[str, str]]], Any]


class HotRequest(WSGIRequest):
    """A request of which a hot view reads the body and META: the rest is worked out when asked."""

    def __init__(self, environ: Environ) -> None:
        self.environ = self.META = environ
        self.method = environ["REQUEST_METHOD"]
        self.path = self.path_info = environ["PATH_INFO"]
        length = environ.get("CONTENT_LENGTH") or "0"
        size = int(length) if length.isdecimal() else 0
        self._stream = LimitedStream(environ["wsgi.input"], size)
        self._read_started = False
        self.resolver_match = None
        self.content_type, self.content_params = environ.get("CONTENT_TYPE"), {}


class SwitchyardHandler(WSGIHandler):
    """Django's handler with one decision before it."""

    def __init__(self) -> None:
        super().__init__()
        self._fixed, self._open = hot_routes(get_resolver().url_patterns, "/")

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        found = self._find(environ.get("PATH_INFO", ""))
        if found is None:
            return super().__call__(environ, start_response)  # type: ignore[no-any-return]
        began = time.perf_counter()
        here = context_of(environ)
        view, arguments, route = found
        response = _answer(environ, here, view, arguments)
        body = response.content
        # Written as they are: django.http's own headers check each name and value again.
        headers = [
            *response.headers.items(),
            *_ALWAYS,
            ("Content-Length", str(len(body))),
            ("X-Request-Id", here.request_id),
        ]
        start_response(f"{response.status_code} {response.reason_phrase}", headers)
        method = environ.get("REQUEST_METHOD")
        measured(route, method, response.status_code, time.perf_counter() - began)
        return [body]

    def get_response(self, request: HttpRequest) -> HttpResponseBase:
        began = time.perf_counter()
        response = super().get_response(request)
        match = request.resolver_match
        route = f"/{match.route}" if match else ""
        measured(route, request.method, response.status_code, time.perf_counter() - began)
        return response

    def _find(self, path: str) -> tuple[View, dict[str, Any], str] | None:
        view = self._fixed.get(path)
        if view is not None:
            return view, {}, path
        for beginning, pattern in self._open:
            if path.startswith(beginning):
                match = pattern.pattern.match(path[len(beginning) :])
                if match is not None and match[0] == "":
                    return pattern.callback, match[2], beginning + str(pattern.pattern)
        return None


def _answer(
    environ: Environ, here: context.Context, view: View, arguments: dict[str, Any]
) -> HttpResponse:
    request = HotRequest(environ)
    request.request_id = here.request_id
    _renew_connections()
    with context.use(here):
        try:
            _require_our_host(request)
            return view(request, **arguments)
        except Exception as error:  # the boundary: Django's own answer to a bug
            return response_for_exception(request, error)
        finally:
            if settings.DATABASE_POOL:
                _return_connections()


def _require_our_host(request: HttpRequest) -> None:
    """Refuse a host that is not ours, as Django does where a view asks for it."""
    host = request.META.get("HTTP_HOST")
    if host not in _our_hosts:
        request.get_host()
        if host is not None and len(_our_hosts) < _MOST_HOSTS:
            _our_hosts.add(host)


class _Connections(threading.local):
    """This thread's database connections, opened or not: asking Django for them is a search."""

    def __init__(self) -> None:
        self.all = connections.all()


_here = _Connections()


def _renew_connections() -> None:
    """Close connections that are too old or broken, as Django does at the start of a request."""
    for connection in _here.all:
        if connection.connection is not None:
            connection.close_if_unusable_or_obsolete()


def _return_connections() -> None:
    """Give connections back to the pool; Django does it at a signal that hot paths do not send."""
    for connection in _here.all:
        connection.close()


def hot_routes(
    patterns: list[URLPattern | URLResolver], prefix: str
) -> tuple[dict[str, View], list[tuple[str, URLPattern]]]:
    """Return hot views by their whole path, and those with parameters by where they begin."""
    fixed: dict[str, View] = {}
    with_parameters: list[tuple[str, URLPattern]] = []
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            inner, more = hot_routes(pattern.url_patterns, prefix + str(pattern.pattern))
            fixed |= inner
            with_parameters += more
        elif getattr(pattern.callback, "hot_path", False):
            if "<" in str(pattern.pattern):
                with_parameters.append((prefix, pattern))
            else:
                fixed[prefix + str(pattern.pattern)] = pattern.callback
    return fixed, with_parameters

"""The WSGI handler: hot paths take a short way in, everything else the full middleware chain.

Sessions, messages, static files and templates cost more than a license check itself, and the
callers of hot paths bring no cookie. They keep what they need: a context with a request id, the
refusal of unknown hosts, the headers of an API answer, and the error pages of the house.
"""

from __future__ import annotations

from collections.abc import Callable

from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, URLPattern, URLResolver, get_resolver, resolve

from config.web.middleware import RequestContextMiddleware

View = Callable[..., HttpResponse]


class SwitchyardHandler(WSGIHandler):
    """Django's handler with one decision before the middleware."""

    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async)
        self._fixed, self._prefixes = _hot_routes(get_resolver().url_patterns, "/")
        self._full_chain = self._middleware_chain
        self._short_chain = convert_exception_to_response(RequestContextMiddleware(self._answer))
        self._middleware_chain = self._choose

    def _choose(self, request: HttpRequest) -> HttpResponse:
        path = request.path_info
        if path in self._fixed or path.startswith(self._prefixes):
            return self._short_chain(request)
        return self._full_chain(request)

    def _answer(self, request: HttpRequest) -> HttpResponse:
        request.get_host()  # refuses hosts that are not ours
        view = self._fixed.get(request.path_info)
        if view is not None:
            response = view(request)
        else:
            response = self._resolve(request)
        response.headers.setdefault("Content-Length", str(len(response.content)))
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        return response

    def _resolve(self, request: HttpRequest) -> HttpResponse:
        """Find a view with parameters; what is not hot after all goes the full way."""
        try:
            match = resolve(request.path_info)
        except Resolver404:
            return self._full_chain(request)
        if not getattr(match.func, "hot_path", False):
            return self._full_chain(request)
        request.resolver_match = match
        return match.func(request, *match.args, **match.kwargs)


def _hot_routes(
    patterns: list[URLPattern | URLResolver], prefix: str
) -> tuple[dict[str, View], tuple[str, ...]]:
    """Return hot views by their path, and the fixed beginnings of those with parameters."""
    fixed: dict[str, View] = {}
    beginnings: list[str] = []
    for pattern in patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            inner, more = _hot_routes(pattern.url_patterns, path)
            fixed |= inner
            beginnings += more
        elif getattr(pattern.callback, "hot_path", False):
            if "<" in path:
                beginnings.append(path.partition("<")[0])
            else:
                fixed[path] = pattern.callback
    return fixed, tuple(beginnings)

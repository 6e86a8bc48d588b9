"""Error pages and documents, also when the database is away."""

from __future__ import annotations

import sys
from typing import Any

import orjson
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from redis import RedisError

from config.kit.errors import BodyTooLarge, DomainError, RateLimited, Unavailable
from config.kit.problems import CONTENT_TYPE, problem, problem_response, wants_problem
from config.kit.redis import connect


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if isinstance(exception, RequestDataTooBig):
        error = BodyTooLarge()
        return problem_response(error) if wants_problem(request) else refusal_page(request, error)
    return _answer(request, 400, "malformed_request", "The request could not be understood.")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, 403, "forbidden", "Your role does not allow this.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, 404, "not_found", "There is nothing here.")


def too_many_requests(request: HttpRequest) -> HttpResponse:
    """Answer allauth's rate limits, which all count by the minute.

    Without Redis nothing can be counted, so allauth lets nobody try: that is not the caller's doing.
    """
    try:
        connect().ping()
    except RedisError:
        return unavailable(request)
    return refusal_page(request, RateLimited(retry_after=60))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    if wants_problem(request):
        return _document(403, "csrf_failed", "The CSRF token is missing or wrong.")
    return render(request, "errors/403_csrf.html", status=403)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 503 when the database is away, else 500; neither page needs the database."""
    kind, *_ = sys.exc_info()
    if kind is not None and issubclass(kind, OperationalError | InterfaceError):
        return unavailable(request)
    return _answer(request, 500, "internal_error", "Something broke on our side.")


def unavailable(request: HttpRequest) -> HttpResponse:
    """Say that we are briefly away and when to come back."""
    if wants_problem(request):
        response = problem_response(Unavailable())
    else:
        response = _page(request, 503)
    response["Retry-After"] = "5"
    return response


def refusal_page(request: HttpRequest, error: DomainError) -> HttpResponse:
    """Show a refusal to a person, with the status it has for programs."""
    if error.status == 503:
        return unavailable(request)
    template = {404: "errors/404.html", 403: "errors/403.html", 429: "errors/429.html"}.get(
        error.status, "errors/400.html"
    )
    facts: dict[str, Any] = {"detail": error.detail, "code": error.code, **error.data}
    facts["request_id"] = getattr(request, "request_id", "")
    response = render(request, template, facts, status=error.status)
    if "retry_after" in error.data:
        response["Retry-After"] = str(error.data["retry_after"])
    return response


def _answer(request: HttpRequest, status: int, code: str, detail: str) -> HttpResponse:
    if wants_problem(request):
        return _document(status, code, detail)
    return _page(request, status)


def _page(request: HttpRequest, status: int) -> HttpResponse:
    facts = {"request_id": getattr(request, "request_id", "")}
    if status >= 500:
        return HttpResponse(render_to_string(f"errors/{status}.html", facts), status=status)
    return render(request, f"errors/{status}.html", facts, status=status)


def _document(status: int, code: str, detail: str) -> HttpResponse:
    body = orjson.dumps(problem(code, status, detail))
    return HttpResponse(body, status=status, content_type=CONTENT_TYPE)

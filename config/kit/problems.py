"""Refusals as RFC 9457 problem documents, the same for every door of the API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse
from rest_framework import exceptions

from config.kit import context
from config.kit.errors import DomainError, InvalidInput, RateLimited

CONTENT_TYPE = "application/problem+json"
_CODES = {
    exceptions.ParseError: "malformed_request",
    exceptions.NotAuthenticated: "not_authenticated",
    exceptions.AuthenticationFailed: "not_authenticated",
    exceptions.PermissionDenied: "forbidden",
    exceptions.NotFound: "not_found",
    exceptions.MethodNotAllowed: "method_not_allowed",
    exceptions.NotAcceptable: "not_acceptable",
    exceptions.UnsupportedMediaType: "unsupported_media_type",
    exceptions.Throttled: "rate_limited",
    exceptions.ValidationError: "invalid_input",
}


def problem(
    code: str,
    status: int,
    detail: str,
    *,
    data: Mapping[str, Any] | None = None,
    errors: Sequence[Mapping[str, str]] = (),
) -> dict[str, Any]:
    """Build the document: type, title, status, code, detail, request_id and what belongs to it."""
    here = context.current()
    document: dict[str, Any] = {
        "type": f"/problems/{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "request_id": here.request_id if here else "",
    }
    if data:
        document["data"] = dict(data)
    if errors:
        document["errors"] = [dict(error) for error in errors]
    return document


def problem_of(error: DomainError) -> dict[str, Any]:
    errors = error.errors if isinstance(error, InvalidInput) else ()
    return problem(error.code, error.status, error.detail, data=error.data, errors=errors)


def problem_response(error: DomainError) -> HttpResponse:
    """Answer a refusal from a plain view or a middleware."""
    response = HttpResponse(
        orjson.dumps(problem_of(error), default=str), status=error.status, content_type=CONTENT_TYPE
    )
    if isinstance(error, RateLimited):
        response["Retry-After"] = str(error.retry_after)
    if error.status == HTTPStatus.UNAUTHORIZED:
        response["WWW-Authenticate"] = 'Bearer realm="switchyard"'
    return response


def problem_of_exception(error: exceptions.APIException) -> dict[str, Any]:
    """Translate one of DRF's own refusals."""
    code = next((code for kind, code in _CODES.items() if isinstance(error, kind)), "refused")
    if isinstance(error, exceptions.ValidationError):
        return problem(
            "invalid_input", 422, InvalidInput.message, errors=list(_flatten(error.detail))
        )
    return problem(code, error.status_code, str(error.detail))


def wants_problem(request: HttpRequest) -> bool:
    """True for paths whose callers are programs: they get documents, never pages."""
    return request.path.startswith(("/api/", "/webhooks/stripe", "/.well-known/"))


def _flatten(detail: Any, path: tuple[str, ...] = ()) -> Iterator[dict[str, str]]:
    if isinstance(detail, Mapping):
        for key, value in detail.items():
            yield from _flatten(value, (*path, str(key)))
    elif isinstance(detail, list):
        for index, value in enumerate(detail):
            nested = isinstance(value, list | Mapping)
            yield from _flatten(value, (*path, str(index)) if nested else path)
    else:
        names = [name for name in path if name != "non_field_errors"]
        yield {
            "pointer": "/" + "/".join(names),
            "code": str(getattr(detail, "code", "invalid")),
            "detail": str(detail),
        }

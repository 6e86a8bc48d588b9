"""API glue: problem documents, strict bodies, cursor pages. Shared by every storey's api room."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar, NoReturn

import orjson
from django.core.exceptions import PermissionDenied, SuspiciousOperation, ValidationError
from django.http import Http404, HttpRequest
from rest_framework import exceptions, pagination, parsers, renderers, serializers
from rest_framework.response import Response
from rest_framework.views import set_rollback

from config.kit.errors import BodyTooLarge, DomainError, InvalidInput, RateLimited
from config.kit.problems import CONTENT_TYPE, problem_of, problem_of_exception

MAX_BODY = 64 * 1024
_MOST_DEPTH = 100
"""Levels of a body: what is deeper can neither be shown in a refusal nor written again."""


class MalformedBody(InvalidInput):
    code = "malformed_request"
    status = 400
    message = "The body is not a JSON object."


def read_object(request: HttpRequest, *, limit: int = MAX_BODY) -> dict[str, Any]:
    """Return the JSON object of a request to a thin view.

    Raises `BodyTooLarge` over `limit` bytes and `MalformedBody` for anything but an object.
    """
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdigit() or int(length) > limit:
        raise BodyTooLarge
    body = request.read(limit + 1)
    if len(body) > limit:
        raise BodyTooLarge
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedBody from error
    if not isinstance(value, dict) or _is_too_deep(body, value):
        raise MalformedBody
    return value


def _is_too_deep(body: bytes, value: dict[str, Any]) -> bool:
    """Tell whether lists and objects stand in each other too often; hardly ever by walking them."""
    if body.count(b"[") + body.count(b"{") <= _MOST_DEPTH:
        return False
    level: list[Any] = [value]
    for _ in range(_MOST_DEPTH):
        level = [
            below
            for each in level
            for below in (each.values() if isinstance(each, dict) else each)
            if isinstance(below, dict | list)
        ]
    return bool(level)


class StrictParser(parsers.JSONParser):
    """JSON only, bounded in size, parsed strictly (no NaN, no lone surrogates)."""

    renderer_class = renderers.JSONRenderer
    limit: ClassVar[int] = MAX_BODY

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Any = None
    ) -> dict[str, Any]:
        body = stream.read(self.limit + 1)
        if len(body) > self.limit:
            raise BodyTooLarge
        try:
            value = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise exceptions.ParseError("The body is not valid JSON.") from error
        if not isinstance(value, dict):
            raise exceptions.ParseError("The body must be a JSON object.")
        if _is_too_deep(body, value):
            raise exceptions.ParseError(f"The body has more than {_MOST_DEPTH} levels.")
        return value


class OrjsonRenderer(renderers.JSONRenderer):
    """JSON by orjson: UUIDs and datetimes in their standard forms."""

    charset = None

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None
    ) -> bytes:
        return b"" if data is None else orjson.dumps(data, default=str)


class StrictSerializer(serializers.Serializer[Any]):
    """An input whose unknown fields are refused instead of ignored."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            unknown = sorted(set(data) - set(self.fields))
            if unknown:
                raise serializers.ValidationError(
                    {
                        name: [serializers.ErrorDetail("Unknown field.", "unknown")]
                        for name in unknown
                    }
                )
        return super().to_internal_value(data)


class CursorPage(pagination.CursorPagination):
    """Newest first, 50 a page, at most 200: `?limit=` and the opaque `?cursor=` of the answer."""

    page_size = 50
    max_page_size = 200
    page_size_query_param = "limit"
    ordering = ("-created_at", "-id")
    invalid_cursor_message = "The cursor is not one of ours."

    def get_page_size(self, request: Any) -> int:
        value = request.query_params.get(self.page_size_query_param)
        if value is None:
            return self.page_size
        if not value.isascii() or not value.isdigit() or len(value) > 4:
            self._refuse()
        size = int(value)
        if not 1 <= size <= self.max_page_size:
            self._refuse()
        return size

    def paginate_queryset(self, queryset: Any, request: Any, view: Any = None) -> Any:
        self.placed_by = queryset.model._meta.get_field(self.ordering[0].lstrip("-"))
        return super().paginate_queryset(queryset, request, view)

    def decode_cursor(self, request: Any) -> Any:
        """Read the cursor; what was not made by us is refused before the database sees it."""
        try:
            cursor = super().decode_cursor(request)
            if cursor is not None and cursor.position is not None:
                self._require_ours(cursor.position)
        except (exceptions.NotFound, ValidationError) as error:
            raise exceptions.ValidationError({"cursor": [self.invalid_cursor_message]}) from error
        return cursor

    def _require_ours(self, position: str) -> None:
        """Take what a page would write itself; PostgreSQL refuses some of what Python reads."""
        value = self.placed_by.to_python(position)
        is_elsewhere = isinstance(value, datetime) and value.utcoffset() != timedelta(0)
        if is_elsewhere or str(value) != position:
            raise ValidationError(self.invalid_cursor_message)

    def _refuse(self) -> NoReturn:
        raise exceptions.ValidationError(
            {"limit": [f"Ask for 1 to {self.max_page_size} rows a page."]}
        )


def render_refusal(error: Exception, details: dict[str, Any]) -> Response | None:
    """Turn every refusal of a DRF view into one problem document; None lets a bug stay a bug.

    What the request has written is undone, as it is when a page refuses. A view that must keep
    what it wrote has no transaction around it.
    """
    response = _answer_to(error)
    if response is not None and not hasattr(details["view"].dispatch, "_non_atomic_requests"):
        set_rollback()
    return response


def _answer_to(error: Exception) -> Response | None:
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    elif isinstance(error, SuspiciousOperation):
        error = exceptions.ParseError("The request was refused.")
    if isinstance(error, DomainError):
        return _refusal(error)
    if not isinstance(error, exceptions.APIException):
        return None
    document = problem_of_exception(error)
    response = Response(document, status=document["status"], content_type=CONTENT_TYPE)
    if isinstance(error, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        response["WWW-Authenticate"] = 'Bearer realm="switchyard"'
    return response


def _refusal(error: DomainError) -> Response:
    response = Response(problem_of(error), status=error.status, content_type=CONTENT_TYPE)
    if isinstance(error, RateLimited):
        response["Retry-After"] = str(error.retry_after)
    if error.status == 401:
        response["WWW-Authenticate"] = 'Bearer realm="switchyard"'
    return response

"""What makes a plain view a door for programs: POST only, no session, no transaction of its own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any

import orjson
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from config.kit import context
from config.kit.errors import DomainError, TooManyRequests, WrongMethod
from config.kit.problems import problem_response

View = Callable[..., HttpResponse]


def hot_path(view: View) -> View:
    """Mark a view as hot: the middlewares that read a session or the database skip it.

    Its callers hold a key or a token and no cookie, so there is nothing to forge; it opens its
    own transactions, so that a question costs none.
    """

    @wraps(view)
    def door(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        try:
            if request.method != "POST":
                raise WrongMethod
            return view(request, **kwargs)
        except DomainError as refusal:
            return _refuse(refusal)

    opened: Any = csrf_exempt(transaction.non_atomic_requests(door))
    opened.hot_path = True
    return opened  # type: ignore[no-any-return]


def answer(document: dict[str, Any], *, status: int = 200) -> HttpResponse:
    return HttpResponse(orjson.dumps(document), status=status, content_type="application/json")


def written(moment: datetime | None) -> str | None:
    """Write a time as the rest of the API does: UTC with a Z."""
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


def caller_ip() -> str | None:
    here = context.current()
    return here.ip if here else None


def tell_limit(response: HttpResponse, limit: int, remaining: int, seconds: int) -> None:
    """Say how much of the limit is left, and in how many seconds it is whole again."""
    response["RateLimit-Limit"] = str(limit)
    response["RateLimit-Remaining"] = str(max(0, remaining))
    response["RateLimit-Reset"] = str(seconds)
    response["RateLimit-Policy"] = f"{limit};w=60"


def _refuse(refusal: DomainError) -> HttpResponse:
    response = problem_response(refusal)
    if isinstance(refusal, TooManyRequests):
        tell_limit(response, refusal.limit, 0, refusal.retry_after)
    if isinstance(refusal, WrongMethod):
        response["Allow"] = "POST"
    return response

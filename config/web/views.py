"""Health for load balancers, and reports of broken content policies."""

from __future__ import annotations

import structlog
from django.db import DatabaseError, connection, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST
from redis import RedisError

from config.kit.redis import connect

logger = structlog.get_logger(__name__)
_REPORT_LIMIT = 8 * 1024


@require_GET
@transaction.non_atomic_requests
def health(request: HttpRequest) -> HttpResponse:
    """The process answers; nothing else is asked, so that a database outage restarts nothing."""
    return HttpResponse("ok", content_type="text/plain")


health.hot_path = True


@require_GET
@transaction.non_atomic_requests
def readiness(request: HttpRequest) -> HttpResponse:
    """Whether this process can serve: PostgreSQL is needed, Redis is missed but not needed."""
    state = {"postgresql": "ok", "redis": "ok"}
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        state["postgresql"] = "unavailable"
    try:
        connect().ping()
    except RedisError:
        state["redis"] = "unavailable"
    return JsonResponse(state, status=200 if state["postgresql"] == "ok" else 503)


readiness.hot_path = True


@csrf_exempt
@require_POST
@transaction.non_atomic_requests
def csp_report(request: HttpRequest) -> HttpResponse:
    """Log what a browser refused to load; anybody may post here, so it is cut short."""
    logger.warning("csp.violated", report=request.read(_REPORT_LIMIT).decode(errors="replace"))
    return HttpResponse(status=204)


csp_report.hot_path = True

"""Health for load balancers, and reports of broken content policies."""

from __future__ import annotations

import structlog
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from config.operations import health as operations_health

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
    """Whether this process can serve, with a word on each part and no secret."""
    is_ready, parts = operations_health.readiness()
    return JsonResponse(parts, status=200 if is_ready else 503)


readiness.hot_path = True


@csrf_exempt
@require_POST
@transaction.non_atomic_requests
def csp_report(request: HttpRequest) -> HttpResponse:
    """Log what a browser refused to load; anybody may post here, so it is cut short."""
    logger.warning("csp.violated", report=request.read(_REPORT_LIMIT).decode(errors="replace"))
    return HttpResponse(status=204)


csp_report.hot_path = True

"""/metrics of the back office: for Prometheus, who brings the token; in the demo, for this machine."""

from __future__ import annotations

import secrets
import time
from threading import Lock

from django.conf import settings
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_GET
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from config.operations import requests
from config.operations.gauges import House

FRESH = 5.0
_LOOPBACK = {"127.0.0.1", "::1"}
_OF_PROXIES = (
    "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Forwarded", "Via",
)  # fmt: skip
_lock = Lock()
_last: tuple[float, bytes] = (float("-inf"), b"")


@require_GET
@transaction.non_atomic_requests
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer with everything, at most five seconds old; to strangers the page does not exist."""
    global _last
    if not _may_read(request):
        raise Http404
    with _lock:
        if time.monotonic() - _last[0] > FRESH:
            _last = (time.monotonic(), _render())
        text = _last[1]
    return HttpResponse(text, content_type=CONTENT_TYPE_LATEST)


metrics.hot_path = True  # no session, no cookie


def forget() -> None:
    """Ask anew next time."""
    global _last
    _last = (float("-inf"), b"")


def _may_read(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        offered = request.headers.get("Authorization", "").encode()
        return secrets.compare_digest(offered, f"Bearer {settings.METRICS_TOKEN}".encode())
    # Whoever came through a proxy is not on this machine, whatever address the proxy has. One that
    # names itself in no header cannot be told from a neighbour: only the demo does without a token.
    is_direct = not any(name in request.headers for name in _OF_PROXIES)
    return settings.DEMO and is_direct and request.META.get("REMOTE_ADDR") in _LOOPBACK


def _render() -> bytes:
    house = CollectorRegistry()
    house.register(House())
    return generate_latest(requests.registry()) + generate_latest(house)

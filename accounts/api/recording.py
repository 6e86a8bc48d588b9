"""Calls of our own API with API keys are recorded as our customers' calls are."""

from __future__ import annotations

import re
from time import perf_counter
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.rules.calls import OWN_API
from accounts.services import calls

_PARAMETER = re.compile(r"<(?:[^:<>]+:)?([^<>]+)>")


class RecordedView(APIView):
    """Notes each answer to an API key, refusals too: endpoint is the route, never the address."""

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        self.began = perf_counter()
        return super().initialize_request(request, *args, **kwargs)

    def finalize_response(
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        answer = super().finalize_response(request, response, *args, **kwargs)
        credential = getattr(request, "api_key", None)
        if credential is not None:
            calls.record(
                credential.organization_id,
                credential.key_id,
                endpoint=_route(request),
                method=request.method or "",
                status_code=answer.status_code,
                latency_ms=1000 * (perf_counter() - self.began),
                product=OWN_API,
            )
        return answer


def _route(request: Request) -> str:
    match = request.resolver_match
    return "/" + _PARAMETER.sub(r":\1", match.route) if match else request.path

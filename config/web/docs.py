"""The API's schema and its Swagger UI, served from our own files under the strict policy."""

from __future__ import annotations

from django.db import transaction
from django.utils.decorators import method_decorator
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView


@method_decorator(transaction.non_atomic_requests, name="dispatch")
class SchemaView(SpectacularAPIView):
    """OpenAPI 3 as YAML or JSON."""


@method_decorator(transaction.non_atomic_requests, name="dispatch")
class ApiDocsView(SpectacularSwaggerSplitView):
    """Swagger UI whose script is a file of ours, not a part of the page."""

    url_name = "api_schema"

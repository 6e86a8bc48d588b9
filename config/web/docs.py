"""The API's schema and its Swagger UI, served from our own files under the strict policy."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.decorators import method_decorator
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.plumbing import get_lib_doc_excludes
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from accounts.api.base import OrganizationView
from accounts.api.tokens.base import Door
from accounts.rules.event_types import EventType
from accounts.services.webhooks.catalogue import event_types


class SessionScheme(OpenApiAuthenticationExtension):
    """The dashboard's cookie; writing with it takes the CSRF token of a page as well."""

    target_class = "accounts.api.authentication.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": settings.SESSION_COOKIE_NAME,
            "description": "The session of the dashboard. All but GET needs X-CSRFToken too.",
        }


class BearerScheme(OpenApiAuthenticationExtension):
    """A person's access token; API keys come by the same header (accounts.api.keys.schema)."""

    target_class = "accounts.api.authentication.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "A person's access token from /auth/login, good for ten minutes. It acts "
            "for the organization that the header Switchyard-Organization names, or for the one "
            "the person joined first.",
        }


def add_webhooks(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Describe what we send to customers' endpoints, as OpenAPI 3.1 would under `webhooks`."""
    result["x-webhooks"] = {
        kind.name: {
            "post": {
                "summary": kind.description,
                "requestBody": {
                    "content": {"application/json": {"schema": _message(kind)}},
                    "required": True,
                },
                "responses": {"2XX": {"description": "Received; anything else is tried again."}},
            }
        }
        for kind in event_types().values()
    }
    return result


def _message(kind: EventType) -> dict[str, Any]:
    properties = {
        "id": {"type": "string", "format": "uuid"},
        "type": {"type": "string", "enum": [kind.name]},
        "timestamp": {"type": "string", "format": "date-time"},
        "api_version": {"type": "string"},
        "data": {**kind.schema, "example": dict(kind.example)},
    }
    return {"type": "object", "properties": properties, "required": list(properties)}


def undocumented_bases() -> list[Any]:
    """Return the classes whose docstrings speak to us and not to the readers of the API."""
    return [*get_lib_doc_excludes(), OrganizationView, Door]


@method_decorator(transaction.non_atomic_requests, name="dispatch")
class SchemaView(SpectacularAPIView):
    """OpenAPI 3 as YAML or JSON."""


@method_decorator(transaction.non_atomic_requests, name="dispatch")
class ApiDocsView(SpectacularSwaggerSplitView):
    """Swagger UI whose script is a file of ours, not a part of the page."""

    url_name = "api_schema"

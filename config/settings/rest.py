"""DRF and its schema."""

from __future__ import annotations

import environ

env = environ.Env()

# Requests a minute; an API key has the rate of its tier.
API_REQUESTS_PER_PERSON = env.int("API_REQUESTS_PER_PERSON", default=600)
API_REQUESTS_PER_ADDRESS = env.int("API_REQUESTS_PER_ADDRESS", default=120)

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.api.authentication.BearerAuthentication",
        "accounts.api.authentication.SessionAuthentication",
    ],
    "DEFAULT_THROTTLE_CLASSES": ["accounts.api.throttling.Throttle"],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.api.permissions.IsMember"],
    "DEFAULT_RENDERER_CLASSES": ["config.kit.api.OrjsonRenderer"],
    "DEFAULT_PARSER_CLASSES": ["config.kit.api.StrictParser"],
    "DEFAULT_PAGINATION_CLASS": "config.kit.api.CursorPage",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "config.kit.api.render_refusal",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Switchyard API",
    "VERSION": "1.0.0",
    "DESCRIPTION": (
        "Licenses and devices, subscriptions and invoices of one organization. Errors are "
        "RFC 9457 problem documents with a stable `code`; POST takes an `Idempotency-Key`."
    ),
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "/static/app/favicon.svg",
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "GET_LIB_DOC_EXCLUDES": "config.web.docs.undocumented_bases",
}

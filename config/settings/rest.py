"""DRF and its schema."""

from __future__ import annotations

import environ
from corsheaders.defaults import default_headers

env = environ.Env()

# Pages of other origins may call the API only when the operator lists them, and then with a
# bearer credential: cookies are never sent along.
CORS_ALLOWED_ORIGINS = env.list("CORS_ALLOWED_ORIGINS", default=[])
CORS_URLS_REGEX = r"^/api/"
CORS_ALLOW_CREDENTIALS = False
CORS_ALLOW_METHODS = ["GET", "HEAD", "OPTIONS", "PATCH", "POST", "DELETE"]
CORS_ALLOW_HEADERS = [*default_headers, "idempotency-key", "switchyard-organization"]
CORS_EXPOSE_HEADERS = [
    "X-Request-Id", "Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset",
    "RateLimit-Policy", "Idempotent-Replayed", "Location",
]  # fmt: skip
CORS_PREFLIGHT_MAX_AGE = 600

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
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "config.web.docs.add_webhooks",
    ],
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

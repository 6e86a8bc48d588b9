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
CORS_ALLOW_METHODS = ["GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "DELETE"]
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
    "DEFAULT_SCHEMA_CLASS": "accounts.api.schema.HouseSchema",
    "EXCEPTION_HANDLER": "config.kit.api.render_refusal",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
_INTRODUCTION = """\
The API of one organization's account: people and programs come in, keys are issued and verified,
use is counted, products are ordered, licenses and devices are managed.

**Credentials.** `Authorization: Bearer ...` with a person's access token or an organization's API key;
each operation names the roles and the scope it needs. The dashboard's own session works too, with a
CSRF token.

**Errors** are RFC 9457 problem documents (`application/problem+json`) with a stable `code` and a
`request_id`. Besides what each operation lists any may answer 405, 406, 500 and 503.

**Lists** hold 50 rows a page, at most 200 (`limit`); `next` and `previous` are whole addresses.

**Repeating.** A POST that takes an `Idempotency-Key` acts once for a day, however often it is sent; a
replay carries `Idempotent-Replayed: true`.

**Limits.** Answers carry `RateLimit-Limit`, `-Remaining`, `-Reset` and `-Policy`; 429 has `Retry-After`.
`/keys/verify` has its figures in the body instead.

**Webhooks** that we send are under `x-webhooks` in this document.
"""
_TAGS = {
    "sign-in": "Access tokens: password and second factor, hand-over, device code, refresh, end.",
    "me": "The signed-in person: profile, browsers and API sessions.",
    "organization": "The organization one acts for, and one's others.",
    "team": "Members, invitations, ownership.",
    "keys": "API keys: issue, change, rotate, revoke.",
    "programs": "What programs ask with every call: is this key, this license, this device good?",
    "usage": "API calls reported, counted and limited.",
    "billing": "Catalogue, orders, subscriptions, invoices, metered use.",
    "licenses": "Licenses and their devices.",
    "trials": "Trial workspaces, from start to conversion.",
    "webhooks": "Endpoints, deliveries and event types.",
    "notifications": "What the signed-in person is told, and how.",
    "audit": "Who did what, when, from where.",
    "sync": "What a person's own clients report and learn.",
    "settings": "What anybody may know of this installation.",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Switchyard API",
    "VERSION": "1.0.0",
    "DESCRIPTION": _INTRODUCTION,
    "TAGS": [{"name": name, "description": text} for name, text in _TAGS.items()],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "config.web.docs.add_webhooks",
    ],
    "ENUM_NAME_OVERRIDES": {
        "ApiKeyStatus": "accounts.models.ApiKey.Status",
        "DeliveryStatus": "accounts.models.WebhookDelivery.Status",
        "EndpointStatus": "accounts.models.WebhookEndpoint.Status",
        "InvoiceStatus": "billing.models.Invoice.Status",
        "LicenseVerdict": "licensing.rules.validity.Code",
        "KeyTier": ["free", "pro", "enterprise"],
        "KeyVerdict": "accounts.rules.verdicts.Code",
        "OrderStatus": "billing.models.Order.Status",
        "PaymentStatus": "billing.models.PaymentAttempt.Status",
        "ProductKind": "billing.models.Product.Kind",
        "Role": "accounts.models.Membership.Role",
        "SubscriptionStatus": "billing.models.Subscription.Status",
        "TrialTier": "licensing.models.TrialWorkspace.Tier",
    },
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "/static/app/favicon.svg",
    "SWAGGER_UI_SETTINGS": {
        "deepLinking": True,
        "docExpansion": "none",
        "filter": True,
        "defaultModelsExpandDepth": 0,
        "persistAuthorization": False,
    },
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "GET_LIB_DOC_EXCLUDES": "config.web.docs.undocumented_bases",
}

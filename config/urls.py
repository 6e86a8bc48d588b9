"""The customer site and the API: one line a storey."""

from __future__ import annotations

from django.conf import settings
from django.urls import include, path

from accounts.api.tokens.doors import jwks
from config.web import views
from config.web.docs import ApiDocsView, SchemaView

urlpatterns = [
    path("", include("config.web.urls")),
    path("", include("allauth.account.urls")),
    path("2fa/", include("accounts.web.factors")),
    path("2fa/", include("allauth.mfa.urls")),
    path("", include("accounts.web.urls")),
    path("", include("billing.web.urls")),
    path("", include("licensing.web.urls")),
    path("webhooks/", include("billing.api.webhook_urls")),
    path("api/v1/", include("accounts.api.urls")),
    path("api/v1/", include("billing.api.urls")),
    path("api/v1/", include("licensing.api.urls")),
    path(".well-known/jwks.json", jwks, name="jwks"),
    path("api/schema/", SchemaView.as_view(), name="api_schema"),
    path("api/docs/", ApiDocsView.as_view(), name="api_docs"),
    path("csp-report/", views.csp_report, name="csp_report"),
    path("healthz", views.health, name="health"),
    path("readyz", views.readiness, name="readiness"),
]
if settings.DEMO:
    urlpatterns.append(path("demo/mail/", include("config.web.mail_urls")))

handler400 = "config.web.errors.bad_request"
handler403 = "config.web.errors.forbidden"
handler404 = "config.web.errors.not_found"
handler429 = "config.web.errors.too_many_requests"  # allauth's hook, not Django's
handler500 = "config.web.errors.server_error"

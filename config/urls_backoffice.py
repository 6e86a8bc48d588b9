"""The back office: the admin, and the door to it. No sign-up and nothing for customers."""

from __future__ import annotations

from typing import Any

from allauth.account import urls as account_urls
from django.contrib import admin
from django.urls import include, path, reverse_lazy
from django.views.generic import RedirectView

from config.web import views
from config.web.metrics import metrics
from support.web import sign_in

# The second-factor guard lets /accounts/ through, so nothing but signing in may live there: the
# admin has a prefix of its own, because its page of the app `accounts` would be /accounts/ too.
_sign_in: list[Any] = [
    path("login/", sign_in.LoginView.as_view(), name="account_login"),
    path("logout/", sign_in.LogoutView.as_view(), name="account_logout"),
    path("reauthenticate/", sign_in.ReauthenticateView.as_view(), name="account_reauthenticate"),
    path("password/change/", sign_in.PasswordChangeView.as_view(), name="account_change_password"),
    path("customers-only/", sign_in.customers_only, name="backoffice_customers_only"),
    path("2fa/authenticate/", sign_in.CodeView.as_view(), name="mfa_authenticate"),
    path("2fa/reauthenticate/", sign_in.CodeAgainView.as_view(), name="mfa_reauthenticate"),
    path("2fa/totp/activate/", sign_in.EnrolView.as_view(), name="mfa_activate_totp"),
    path("2fa/webauthn/add/", sign_in.AddKeyView.as_view(), name="mfa_add_webauthn"),
    path(
        "2fa/webauthn/reauthenticate/",
        sign_in.KeyAgainView.as_view(),
        name="mfa_reauthenticate_webauthn",
    ),
    path(
        "2fa/recovery-codes/", sign_in.RecoveryCodesView.as_view(), name="mfa_view_recovery_codes"
    ),
    *(route for route in account_urls.urlpatterns if route.name != "account_signup"),
    path("2fa/", include("allauth.mfa.urls")),
]
_to_login = RedirectView.as_view(url=reverse_lazy("account_login"), query_string=True)
_to_password = RedirectView.as_view(url=reverse_lazy("account_change_password"))

urlpatterns = [
    path("", RedirectView.as_view(url=reverse_lazy("admin:index")), name="backoffice"),
    path("accounts/", include(_sign_in)),
    path("admin/login/", _to_login),
    path("admin/logout/", sign_in.LogoutView.as_view()),
    path("admin/password_change/", _to_password),
    path("admin/operations/", include("config.web.operations")),
    path("admin/", admin.site.urls),
    path("csp-report/", views.csp_report, name="csp_report"),
    path("healthz", views.health, name="health"),
    path("metrics", metrics, name="metrics"),
    path("readyz", views.readiness, name="readiness"),
]

handler400 = "config.web.errors.bad_request"
handler403 = "config.web.errors.forbidden"
handler404 = "config.web.errors.not_found"
handler429 = "config.web.errors.too_many_requests"  # allauth's hook, not Django's
handler500 = "config.web.errors.server_error"

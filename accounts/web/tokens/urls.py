"""Pages of API sessions and of letting an app in."""

from __future__ import annotations

from django.urls import path

from accounts.web.tokens import handover, views

urlpatterns = [
    path("security/tokens/", views.TokenList.as_view(), name="tokens"),
    path("security/tokens/end/", views.end_tokens, name="end_tokens"),
    path("security/tokens/reports/", views.ReportList.as_view(), name="client_reports"),
    path("security/tokens/<uuid:family>/end/", views.end_token, name="end_token"),
    path("bridge/authorize", handover.authorize, name="bridge_authorize"),
    path("device/", handover.device_login, name="device_login"),
]

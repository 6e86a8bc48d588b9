"""The API of calls and usage."""

from __future__ import annotations

from django.urls import path

from accounts.api.usage import views

urlpatterns = [
    path("calls", views.CallsView.as_view(), name="api_calls"),
    path("usage", views.UsageView.as_view(), name="api_usage"),
    path("usage/calls", views.UsageCallsView.as_view(), name="api_usage_calls"),
    path("usage/limits", views.UsageLimitsView.as_view(), name="api_usage_limits"),
    path("usage/settings", views.UsageSettingsView.as_view(), name="api_usage_settings"),
]

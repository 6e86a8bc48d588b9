"""Settings of the installation."""

from __future__ import annotations

from django.urls import path

from accounts.api.settings import views

urlpatterns = [
    path("settings/public", views.PublicSettingsView.as_view(), name="api_public_settings"),
]

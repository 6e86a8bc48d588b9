"""The API of the ground floor."""

from __future__ import annotations

from django.urls import include, path

from accounts.api import views

urlpatterns = [
    path("", include("accounts.api.keys.urls")),
    path("me", views.MeView.as_view(), name="api_me"),
    path("", include("accounts.api.usage.urls")),
    path("", include("accounts.api.sessions.urls")),
    path("", include("accounts.api.team.urls")),
    path("", include("accounts.api.settings.urls")),
    path("", include("accounts.api.trail.urls")),
    path("", include("accounts.api.tokens.urls")),
    path("", include("accounts.api.webhooks.urls")),
    path("", include("accounts.api.notifications.urls")),
]

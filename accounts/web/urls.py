"""Pages of the ground floor; signing in and up is allauth's (config/urls.py)."""

from __future__ import annotations

from django.urls import include, path

from accounts.web import views

urlpatterns = [
    path("security/", views.security, name="security"),
    path("", include("accounts.web.connections.urls")),
    path("", include("accounts.web.sessions.urls")),
    path("", include("accounts.web.profile.urls")),
    path("", include("accounts.web.organizations.urls")),
    path("", include("accounts.web.team.urls")),
    path("", include("accounts.web.keys.urls")),
    path("", include("accounts.web.jobs.urls")),
    path("", include("accounts.web.usage.urls")),
    path("", include("accounts.web.tokens.urls")),
    path("", include("accounts.web.trail.urls")),
    path("", include("accounts.web.privacy.urls")),
    path("", include("accounts.web.support_view.urls")),
    path("", include("accounts.web.webhooks.urls")),
    path("", include("accounts.web.notifications.urls")),
    path("organizations/switch/", views.switch_organization, name="switch_organization"),
]

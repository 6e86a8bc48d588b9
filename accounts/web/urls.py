"""Pages of the ground floor; signing in and up is allauth's (config/urls.py)."""

from __future__ import annotations

from django.urls import path

from accounts.web import views

urlpatterns = [
    path("profile/", views.profile, name="profile"),
    path("security/", views.security, name="security"),
    path("organizations/switch/", views.switch_organization, name="switch_organization"),
]

"""The API of the caller's own sessions."""

from __future__ import annotations

from django.urls import path

from accounts.api.sessions import views

urlpatterns = [
    path("me/sessions", views.SessionsView.as_view(), name="api_sessions"),
    path("me/sessions/<int:session>", views.SessionView.as_view(), name="api_session"),
]

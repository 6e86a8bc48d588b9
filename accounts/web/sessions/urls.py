"""Pages of the list of sessions."""

from __future__ import annotations

from django.urls import path

from accounts.web.sessions import views

urlpatterns = [
    path("security/sessions/", views.sessions, name="sessions"),
    path("security/sessions/end/", views.end_others, name="end_other_sessions"),
    path("security/sessions/<int:session>/end/", views.end_session, name="end_session"),
]

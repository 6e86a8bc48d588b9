"""Usage of the API and single calls."""

from __future__ import annotations

from django.urls import path

from accounts.web.access import member_required
from accounts.web.usage import views

urlpatterns = [
    path("usage/", views.usage, name="usage"),
    path(
        "usage/calls/",
        member_required()(views.CallList.as_view()),  # type: ignore[arg-type]
        name="usage_calls",
    ),
    path("usage/bodies/", views.recording, name="usage_bodies"),
]

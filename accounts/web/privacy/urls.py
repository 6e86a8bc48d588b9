"""Copies of one's data, and lists written to a file."""

from __future__ import annotations

from django.urls import path

from accounts.web.privacy import lists, views

urlpatterns = [
    path("profile/data/", views.data_exports, name="data_exports"),
    path("profile/data/request/", views.data_export_request, name="data_export_request"),
    path("profile/data/<uuid:export_id>/", views.data_export_file, name="data_export_file"),
    path("exports/", lists.exports, name="exports"),
    path("exports/state/", lists.state, name="exports_state"),
    path("exports/request/", lists.export_request, name="export_request"),
]

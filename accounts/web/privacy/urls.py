"""Copies of one's data."""

from __future__ import annotations

from django.urls import path

from accounts.web.privacy import views

urlpatterns = [
    path("profile/data/", views.data_exports, name="data_exports"),
    path("profile/data/request/", views.data_export_request, name="data_export_request"),
    path("profile/data/<uuid:export_id>/", views.data_export_file, name="data_export_file"),
]

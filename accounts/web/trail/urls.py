"""The audit log."""

from __future__ import annotations

from django.urls import path

from accounts.web.access import member_required
from accounts.web.trail import views

urlpatterns = [
    path("logs/", member_required("view_audit")(views.TrailList.as_view()), name="logs"),
    path("logs/<slug:entry_id>/", views.entry, name="log_entry"),
]

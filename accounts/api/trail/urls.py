"""The audit log."""

from __future__ import annotations

from django.urls import path

from accounts.api.trail import views

urlpatterns = [
    path("audit-logs", views.AuditLogListView.as_view(), name="api_audit_logs"),
    path("audit-logs/<slug:entry_id>", views.AuditLogDetailView.as_view(), name="api_audit_log"),
]

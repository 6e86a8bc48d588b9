"""A person's notifications."""

from __future__ import annotations

from django.urls import path

from accounts.api.notifications import views

urlpatterns = [
    path("notifications", views.NotificationListView.as_view(), name="api_notifications"),
    path("notifications/unread", views.UnreadCountView.as_view(), name="api_notifications_unread"),
    path("notifications/read-all", views.AllReadView.as_view(), name="api_notifications_read_all"),
    path("notifications/rules", views.RuleListView.as_view(), name="api_notification_rules"),
    path(
        "notifications/<uuid:notification_id>/read",
        views.NotificationReadView.as_view(),
        name="api_notification_read",
    ),
]

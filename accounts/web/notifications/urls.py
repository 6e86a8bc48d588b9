"""A person's notifications and rules."""

from __future__ import annotations

from django.urls import path

from accounts.web.access import member_required
from accounts.web.notifications import views

_ONE = "notifications/<uuid:notification_id>/"

urlpatterns = [
    path("notifications/", member_required()(views.Feed.as_view()), name="notifications"),
    path("notifications/read-all/", views.read_all, name="notifications_read_all"),
    path("notifications/rules/", views.rules, name="notification_rules"),
    path(
        "notifications/rules/everybody/",
        views.rules_everybody,
        name="notification_rules_everybody",
    ),
    path(f"{_ONE}open/", views.open_notification, name="notification_open"),
    path(f"{_ONE}read/", views.read, name="notification_read"),
]

"""Logging in, carrying on, handing over, and reporting."""

from __future__ import annotations

from django.urls import path

from accounts.api.tokens import doors, views

urlpatterns = [
    path("auth/login", doors.LoginView.as_view(), name="api_auth_login"),
    path("auth/second-factor", doors.SecondFactorView.as_view(), name="api_auth_second_factor"),
    path("auth/refresh", doors.RefreshView.as_view(), name="api_auth_refresh"),
    path("auth/logout", views.LogoutView.as_view(), name="api_auth_logout"),
    path(
        "auth/logout-everywhere",
        views.LogoutEverywhereView.as_view(),
        name="api_auth_logout_everywhere",
    ),
    path("auth/bridge/redeem", doors.BridgeRedeemView.as_view(), name="api_bridge_redeem"),
    path("auth/device", doors.DeviceView.as_view(), name="api_device"),
    path("auth/device/token", doors.DeviceTokenView.as_view(), name="api_device_token"),
    path("me/tokens", views.SessionListView.as_view(), name="api_tokens"),
    path("me/tokens/<uuid:family>", views.SessionView.as_view(), name="api_token"),
    path("sync", views.SyncView.as_view(), name="api_sync"),
    path("sync/events", views.SyncEventListView.as_view(), name="api_sync_events"),
]

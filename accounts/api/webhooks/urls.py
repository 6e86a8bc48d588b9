"""Webhook endpoints and deliveries."""

from __future__ import annotations

from django.urls import path

from accounts.api.webhooks import views

_ONE = "webhooks/endpoints/<uuid:endpoint_id>"

urlpatterns = [
    path("webhooks/event-types", views.EventTypeListView.as_view(), name="api_webhook_event_types"),
    path("webhooks/endpoints", views.EndpointListView.as_view(), name="api_webhook_endpoints"),
    path(_ONE, views.EndpointDetailView.as_view(), name="api_webhook_endpoint"),
    path(f"{_ONE}/test", views.EndpointTestView.as_view(), name="api_webhook_test"),
    path(f"{_ONE}/roll-secret", views.RollSecretView.as_view(), name="api_webhook_roll_secret"),
    path(f"{_ONE}/enable", views.EndpointEnableView.as_view(), name="api_webhook_enable"),
    path(f"{_ONE}/disable", views.EndpointDisableView.as_view(), name="api_webhook_disable"),
    path(f"{_ONE}/replay", views.EndpointReplayView.as_view(), name="api_webhook_replay_failed"),
    path(
        f"{_ONE}/deliveries", views.EndpointDeliveriesView.as_view(), name="api_webhook_deliveries"
    ),
    path(
        "webhooks/deliveries/<uuid:delivery_id>",
        views.DeliveryView.as_view(),
        name="api_webhook_delivery",
    ),
    path(
        "webhooks/deliveries/<uuid:delivery_id>/replay",
        views.DeliveryReplayView.as_view(),
        name="api_webhook_replay",
    ),
]

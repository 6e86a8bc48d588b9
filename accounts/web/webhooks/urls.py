"""Webhooks: endpoints, deliveries, and how to verify a message."""

from __future__ import annotations

from django.urls import path

from accounts.web.access import member_required
from accounts.web.webhooks import deliveries, docs, endpoints

_ONE = "webhooks/<uuid:endpoint_id>/"
_DELIVERY = f"{_ONE}deliveries/<uuid:delivery_id>/"

urlpatterns = [
    path("webhooks/", member_required()(endpoints.EndpointList.as_view()), name="webhooks"),
    path("webhooks/new/", endpoints.create, name="webhook_create"),
    path("webhooks/docs/", docs.docs, name="webhook_docs"),
    path(_ONE, member_required()(endpoints.DeliveryList.as_view()), name="webhook"),
    path(f"{_ONE}edit/", endpoints.edit, name="webhook_edit"),
    path(f"{_ONE}roll-secret/", endpoints.roll, name="webhook_roll"),
    path(f"{_ONE}enable/", endpoints.enable, name="webhook_enable"),
    path(f"{_ONE}disable/", endpoints.disable, name="webhook_disable"),
    path(f"{_ONE}delete/", endpoints.delete, name="webhook_delete"),
    path(f"{_ONE}test/", endpoints.test, name="webhook_test"),
    path(f"{_ONE}replay-failed/", deliveries.replay_failed, name="webhook_replay_failed"),
    path(f"{_ONE}replay/", deliveries.replay_many, name="webhook_replay_many"),
    path(_DELIVERY, deliveries.delivery, name="webhook_delivery"),
    path(f"{_DELIVERY}state/", deliveries.state, name="webhook_delivery_state"),
    path(f"{_DELIVERY}replay/", deliveries.replay, name="webhook_delivery_replay"),
]

"""The API of API keys."""

from __future__ import annotations

from django.urls import path

from accounts.api.keys import schema, views

urlpatterns = [
    path("keys/verify", schema.verify, name="api_key_verify"),
    path("keys", views.KeysView.as_view(), name="api_keys_list"),
    path("keys/<uuid:key_id>", views.KeyDetailView.as_view(), name="api_key"),
    path("keys/<uuid:key_id>/rotate", views.KeyRotateView.as_view(), name="api_key_rotate"),
    path("keys/<uuid:key_id>/confirm", views.KeyConfirmView.as_view(), name="api_key_confirm"),
]

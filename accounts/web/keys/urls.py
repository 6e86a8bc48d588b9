"""API keys."""

from __future__ import annotations

from django.urls import path

from accounts.web.access import member_required
from accounts.web.keys import actions, lists, views

urlpatterns = [
    path(
        "api-keys/",
        member_required()(lists.KeyList.as_view()),  # type: ignore[arg-type]
        name="api_keys",
    ),
    path("api-keys/new/", views.new, name="api_key_new"),
    path("api-keys/download/", views.download, name="api_key_download"),
    path("api-keys/revoke/", actions.revoke_many, name="api_keys_revoke"),
    path("api-keys/<uuid:key_id>/", views.detail, name="api_key_page"),
    path("api-keys/<uuid:key_id>/edit/", views.edit, name="api_key_edit"),
    path("api-keys/<uuid:key_id>/rotate/", actions.rotate, name="api_key_roll"),
    path("api-keys/<uuid:key_id>/disable/", actions.disable, name="api_key_disable"),
    path("api-keys/<uuid:key_id>/enable/", actions.enable, name="api_key_enable"),
    path("api-keys/<uuid:key_id>/confirm/", actions.confirm, name="api_key_vouch"),
    path("api-keys/<uuid:key_id>/revoke/", actions.revoke, name="api_key_revoke"),
]

"""Shapes of the audit log's API."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from config.kit.api import StrictSerializer


class AuditLogQuery(StrictSerializer):
    """The query of the list; unknown names and values out of range are refused."""

    limit = serializers.CharField(required=False, help_text="Rows a page, 1 to 200; 50 without it.")
    cursor = serializers.CharField(required=False, help_text="From `next` or `previous`.")
    actor = serializers.CharField(
        required=False, max_length=254, help_text="A member's e-mail address, or an actor's id."
    )
    action = serializers.CharField(
        required=False, max_length=100, help_text="Beginning of the action: `user.`, `insert`."
    )
    entity_type = serializers.CharField(required=False, max_length=100)
    entity_id = serializers.CharField(required=False, max_length=100)
    request_id = serializers.CharField(required=False, max_length=64)
    since = serializers.DateTimeField(required=False, help_text="This moment or later.")
    until = serializers.DateTimeField(required=False, help_text="Before this moment.")


class ActorOutput(serializers.Serializer[Any]):
    kind = serializers.CharField(source="actor_kind", help_text="user, api_key, device, worker, …")
    id = serializers.CharField(source="who_id", allow_null=True, help_text="Null for our staff.")
    name = serializers.CharField(source="who")


class AuditLogOutput(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    at = serializers.DateTimeField()
    actor = ActorOutput(source="*")
    action = serializers.CharField()
    summary = serializers.CharField(source="what", help_text="The action in words.")
    entity_type = serializers.CharField()
    entity_id = serializers.CharField(allow_null=True)
    old_values = serializers.JSONField(allow_null=True)
    new_values = serializers.JSONField(allow_null=True)
    ip = serializers.CharField(source="from_ip", allow_null=True)
    user_agent = serializers.CharField(source="from_agent")
    request_id = serializers.CharField(allow_null=True)

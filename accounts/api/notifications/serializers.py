"""Shapes of the notification API."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.rules.notices import KINDS, Severity
from config.kit.api import StrictSerializer

Shape = serializers.Serializer[Any]


class NotificationOutput(Shape):
    id = serializers.UUIDField()
    kind = serializers.CharField()
    severity = serializers.ChoiceField(choices=[each.value for each in Severity])
    title = serializers.CharField()
    text = serializers.CharField()
    path = serializers.CharField(source="url", help_text="Where on this site to go, may be empty")
    is_personal = serializers.SerializerMethodField(help_text="For you alone")
    is_read = serializers.BooleanField(help_text="You have read it")
    created_at = serializers.DateTimeField()

    def get_is_personal(self, notification: Any) -> bool:
        return notification.user_id is not None


class ReadOutput(Shape):
    read = serializers.IntegerField(help_text="How many were new")


class UnreadOutput(Shape):
    unread = serializers.IntegerField(help_text="100 stands for 100 or more")


class RuleInput(StrictSerializer):
    kind = serializers.ChoiceField(choices=list(KINDS))
    in_app = serializers.BooleanField()
    email = serializers.BooleanField()


class RuleOutput(Shape):
    kind = serializers.CharField()
    label = serializers.CharField()
    description = serializers.CharField()
    in_app = serializers.BooleanField()
    email = serializers.BooleanField()

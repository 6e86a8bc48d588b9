"""Shapes of the list of sessions."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.services.sessions import BACKOFFICE, SITE


class SessionOutput(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    browser = serializers.CharField(help_text="For example Firefox on Linux")
    user_agent = serializers.CharField()
    ip = serializers.IPAddressField(help_text="Address of the last visit")
    place = serializers.ChoiceField(choices=[SITE, BACKOFFICE])
    created_at = serializers.DateTimeField()
    last_seen_at = serializers.DateTimeField(help_text="Exact to five minutes")
    is_current = serializers.BooleanField(help_text="The session this request came with")


class SessionsOutput(serializers.Serializer[Any]):
    results = SessionOutput(many=True)


class EndedOutput(serializers.Serializer[Any]):
    ended = serializers.IntegerField(help_text="How many sessions ended")

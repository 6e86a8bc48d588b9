"""Shapes of the ground floor's API."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class OrganizationOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    country = serializers.CharField(help_text="ISO 3166 code, empty when unknown")
    subscription_tier = serializers.CharField()
    status = serializers.CharField()
    created_at = serializers.DateTimeField()


class MeOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    email = serializers.EmailField()
    first_name = serializers.CharField()
    last_name = serializers.CharField()
    role = serializers.CharField(
        source="membership.role", help_text="Role in the current organization"
    )
    organization = OrganizationOutput()

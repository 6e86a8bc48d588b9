"""Shapes of the ground floor's API."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from rest_framework import serializers

from accounts.models import User
from accounts.rules.locales import LOCALES
from accounts.rules.phones import BadPhone, normal_phone
from accounts.web.profile.forms import time_zones
from config.kit.api import StrictSerializer


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
    phone = serializers.CharField(help_text="E.164, empty when unknown")
    time_zone = serializers.CharField(help_text="IANA name")
    locale = serializers.CharField(help_text="How pages write dates and numbers")
    avatar_url = serializers.SerializerMethodField(help_text="Null without a picture")
    role = serializers.CharField(
        source="membership.role", help_text="Role in the current organization"
    )
    organization = OrganizationOutput()

    def get_avatar_url(self, user: User) -> str | None:
        return reverse("avatar", args=[user.avatar, "large"]) if user.avatar else None


class ProfileInput(StrictSerializer):
    first_name = serializers.CharField(max_length=100, allow_blank=True, required=False)
    last_name = serializers.CharField(max_length=100, allow_blank=True, required=False)
    phone = serializers.CharField(max_length=32, allow_blank=True, required=False)
    time_zone = serializers.ChoiceField(choices=time_zones(), required=False)
    locale = serializers.ChoiceField(choices=list(LOCALES), required=False)

    def validate_phone(self, phone: str) -> str:
        try:
            return normal_phone(phone)
        except BadPhone as error:
            raise serializers.ValidationError(str(error), "invalid") from error

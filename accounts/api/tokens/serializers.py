"""Shapes of logging in, carrying on and handing over."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.services.sync import MOST_EVENTS
from config.kit.api import StrictSerializer

_CLIENT = {"required": False, "default": "", "allow_blank": True, "max_length": 80}


class LoginInput(StrictSerializer):
    email = serializers.CharField(max_length=254)
    password = serializers.CharField(max_length=128, trim_whitespace=False)
    client_name = serializers.CharField(
        **_CLIENT, help_text="What the session is called in the person's list"
    )


class SecondFactorInput(StrictSerializer):
    challenge = serializers.CharField(max_length=64)
    code = serializers.CharField(
        max_length=16, help_text="Of the authenticator app, or a recovery code"
    )


class RefreshInput(StrictSerializer):
    refresh_token = serializers.CharField(max_length=128)


class RedeemInput(StrictSerializer):
    code = serializers.CharField(max_length=64)
    verifier = serializers.CharField(max_length=128, help_text="PKCE, 43 to 128 characters")
    client_id = serializers.CharField(max_length=64)
    redirect_uri = serializers.CharField(max_length=255)


class DeviceInput(StrictSerializer):
    client_id = serializers.CharField(max_length=64)
    client_name = serializers.CharField(**_CLIENT, help_text="Such as the machine's host name")


class DeviceTokenInput(StrictSerializer):
    device_code = serializers.CharField(max_length=64)
    client_id = serializers.CharField(max_length=64)


class TokensOutput(serializers.Serializer[Any]):
    access_token = serializers.CharField(help_text="JWT (ES256); send it as a bearer credential")
    token_type = serializers.CharField(default="Bearer")
    expires_in = serializers.IntegerField(help_text="Seconds the access token lives")
    refresh_token = serializers.CharField(help_text="Good for one use; keep it secret")
    session = serializers.UUIDField()
    session_ends_at = serializers.DateTimeField(help_text="However often it is refreshed")


class DeviceCodeOutput(serializers.Serializer[Any]):
    device_code = serializers.CharField()
    user_code = serializers.CharField(help_text="What the person types, such as WDJB-MJHT")
    verification_uri = serializers.CharField()
    verification_uri_complete = serializers.CharField()
    expires_in = serializers.IntegerField()
    interval = serializers.IntegerField(help_text="Seconds to wait between two questions")


class ApiSessionOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField(source="family")
    client_name = serializers.CharField()
    origin = serializers.ChoiceField(choices=["password", "bridge", "device"])
    ip = serializers.CharField(allow_null=True)
    user_agent = serializers.CharField()
    began_at = serializers.DateTimeField()
    last_refreshed_at = serializers.DateTimeField(source="created_at")
    expires_at = serializers.DateTimeField(help_text="When it ends unless it is refreshed")
    ends_at = serializers.DateTimeField(help_text="When it ends in any case")


class SyncEventInput(StrictSerializer):
    id = serializers.CharField(max_length=64, help_text="Your own; sent again it counts once")
    type = serializers.CharField(max_length=64)
    source = serializers.CharField(max_length=64)
    data = serializers.DictField(required=False, allow_null=True, default=None)
    success = serializers.BooleanField(default=True)
    error_message = serializers.CharField(
        max_length=1000, required=False, allow_null=True, default=None
    )
    occurred_at = serializers.DateTimeField(required=False, allow_null=True, default=None)

    def validate(self, attrs: Any) -> Any:
        if attrs["success"] and attrs["error_message"] is not None:
            raise serializers.ValidationError(
                {"error_message": "Only an event that did not succeed has one."}
            )
        return attrs


class SyncInput(StrictSerializer):
    events = SyncEventInput(many=True, max_length=MOST_EVENTS)  # type: ignore[call-arg]


class SyncPersonOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    email = serializers.EmailField()
    first_name = serializers.CharField()
    last_name = serializers.CharField()
    time_zone = serializers.CharField()
    locale = serializers.CharField()


class SyncOrganizationOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    status = serializers.CharField()
    subscription_tier = serializers.CharField()
    role = serializers.CharField(help_text="The person's role in it")


class SyncOutput(serializers.Serializer[Any]):
    accepted = serializers.IntegerField(help_text="Events stored now")
    known = serializers.IntegerField(help_text="Events stored before")
    cursor = serializers.CharField(help_text="Id of the newest stored event; empty when none")
    server_time = serializers.DateTimeField()
    me = SyncPersonOutput()
    organization = SyncOrganizationOutput(allow_null=True)
    organizations = SyncOrganizationOutput(many=True)


class SyncEventOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    event_id = serializers.CharField()
    type = serializers.CharField(source="event_type")
    source = serializers.CharField(source="event_source")
    data = serializers.JSONField(allow_null=True)  # type: ignore[assignment]
    success = serializers.BooleanField()
    error_message = serializers.CharField(allow_null=True)
    occurred_at = serializers.DateTimeField(allow_null=True)
    client_ip = serializers.CharField(allow_null=True)
    user_agent = serializers.CharField()
    created_at = serializers.DateTimeField()

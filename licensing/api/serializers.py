"""Shapes of licensing's API: what people's endpoints answer, and what programs send and get."""

from __future__ import annotations

from typing import Any

from django.utils.timezone import now
from rest_framework import serializers

from licensing.rules.validity import Code

Shape = serializers.Serializer[Any]


class LicenseOutput(Shape):
    id = serializers.UUIDField()
    product = serializers.CharField(source="product.slug")
    product_name = serializers.CharField(source="product.name")
    plan = serializers.CharField()
    display_key = serializers.CharField(help_text="The last six characters of the key")
    status = serializers.SerializerMethodField(
        help_text="active, scheduled, suspended, expired or revoked"
    )
    suspended_reason = serializers.CharField()
    max_devices = serializers.IntegerField()
    active_devices = serializers.IntegerField(source="seats_used")
    starts_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    subscription = serializers.UUIDField(source="subscription_id", allow_null=True)
    version = serializers.IntegerField()
    created_at = serializers.DateTimeField()

    def get_status(self, license: Any) -> str:
        return str(license.state(now()))


class DeviceOutput(Shape):
    id = serializers.UUIDField()
    device_id = serializers.CharField()
    name = serializers.CharField()
    platform = serializers.CharField()
    hostname = serializers.CharField()
    app_version = serializers.CharField()
    ip = serializers.CharField(allow_null=True)
    online = serializers.SerializerMethodField(
        help_text="A heartbeat came within the last 60 seconds"
    )
    activated_at = serializers.DateTimeField()
    last_seen_at = serializers.DateTimeField(allow_null=True)
    deactivated_at = serializers.DateTimeField(allow_null=True)

    def get_online(self, device: Any) -> bool:
        return device.pk in self.context["online"]


class ValidateInput(Shape):
    license_key = serializers.CharField(
        max_length=255, help_text="Case, spaces, dashes and O/0, I/L/1 do not matter"
    )
    device_id = serializers.CharField(max_length=255, required=False)
    product = serializers.SlugField(max_length=80, required=False)
    nonce = serializers.CharField(
        max_length=128, required=False, help_text="Text or a whole number; comes back unchanged"
    )


class LicenseFacts(Shape):
    id = serializers.UUIDField()
    plan = serializers.CharField()
    product = serializers.CharField()
    status = serializers.CharField()
    expires_at = serializers.DateTimeField(allow_null=True)
    max_devices = serializers.IntegerField()
    active_devices = serializers.IntegerField()
    version = serializers.IntegerField()


class SeatFacts(Shape):
    id = serializers.UUIDField()
    activated_at = serializers.DateTimeField()


class VerdictOutput(Shape):
    valid = serializers.BooleanField()
    code = serializers.ChoiceField(choices=[code.value for code in Code])
    detail = serializers.CharField()
    ts = serializers.DateTimeField()


class ValidateOutput(VerdictOutput):
    nonce = serializers.CharField(allow_null=True)
    license = LicenseFacts(allow_null=True)
    device = SeatFacts(allow_null=True)


class HeartbeatOutput(VerdictOutput):
    next_in = serializers.IntegerField(help_text="Seconds until the next heartbeat")
    license = LicenseFacts()


class ActivateInput(Shape):
    license_key = serializers.CharField(max_length=255)
    device_id = serializers.CharField(
        max_length=255, help_text="Whatever your program knows the device by; stable, not secret"
    )
    device_name = serializers.CharField(max_length=255)
    platform = serializers.CharField(max_length=64, required=False, allow_blank=True)
    hostname = serializers.CharField(max_length=255, required=False, allow_blank=True)
    app_version = serializers.CharField(max_length=64, required=False, allow_blank=True)


class ActivatedDevice(SeatFacts):
    device_id = serializers.CharField()
    name = serializers.CharField()


class ActivatedLicense(Shape):
    id = serializers.UUIDField()
    plan = serializers.CharField()
    expires_at = serializers.DateTimeField(allow_null=True)
    max_devices = serializers.IntegerField()
    active_devices = serializers.IntegerField()


class ActivateOutput(Shape):
    device = ActivatedDevice()
    token = serializers.CharField(help_text="Shown here only; the former one stops working")
    heartbeat_path = serializers.CharField()
    next_in = serializers.IntegerField()
    license = ActivatedLicense()

"""Shapes of the API for API keys."""

from __future__ import annotations

from typing import Any

from django.utils.timezone import now
from rest_framework import serializers

from accounts.models import ApiKey
from accounts.rules.addresses import read_network
from accounts.rules.documents import MOST_METADATA, fault_of
from accounts.rules.scopes import GRANTABLE
from accounts.rules.verdicts import Code
from config.kit.api import StrictSerializer

Shape = serializers.Serializer[Any]
MOST_NETWORKS = 50


class KeyOutput(Shape):
    id = serializers.UUIDField()
    name = serializers.CharField()
    description = serializers.CharField()
    environment = serializers.ChoiceField(choices=ApiKey.Environment.choices)
    prefix = serializers.CharField(help_text="What the key begins with")
    last4 = serializers.CharField(help_text="What the key ends with")
    state = serializers.SerializerMethodField(
        help_text="active, rotated, pending, disabled, expired or revoked"
    )
    status = serializers.ChoiceField(choices=ApiKey.Status.choices)
    is_active = serializers.BooleanField()
    held_reason = serializers.CharField(
        help_text="Why our staff switched it off; empty when they did not"
    )
    scopes = serializers.ListField(child=serializers.CharField())
    tier = serializers.CharField()
    allowed_cidrs = serializers.ListField(child=serializers.CharField())
    expires_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)
    last_used_ip = serializers.CharField(allow_null=True)
    usage_count = serializers.IntegerField()
    external_id = serializers.CharField()
    metadata = serializers.DictField()
    created_by = serializers.UUIDField(source="created_by_id", allow_null=True)
    rotated_to = serializers.UUIDField(source="rotated_to_id", allow_null=True)
    overlap_ends_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    revoked_reason = serializers.CharField()
    created_at = serializers.DateTimeField()

    def get_state(self, key: ApiKey) -> str:
        return key.state(now())


class NewKeyOutput(KeyOutput):
    key = serializers.CharField(
        allow_null=True,
        help_text="The whole key, here and never again; null when the answer is a replay",
    )


class NetworksField(serializers.ListField):
    """Networks such as 203.0.113.0/24; stored in their usual form."""

    child = serializers.CharField(max_length=43)

    def to_internal_value(self, data: Any) -> list[str]:
        found = []
        for text in super().to_internal_value(data):
            try:
                found.append(read_network(text))
            except ValueError as error:
                raise serializers.ValidationError(f"{text} is no network.") from error
        return sorted(set(found))


class MetadataField(serializers.DictField):
    """Your own facts about the key: a JSON object, at most 4 KB."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        # Before the fields beneath are read: they recurse, and a caller may nest a thousand deep.
        if isinstance(data, dict) and (fault := fault_of(data, most=MOST_METADATA)):
            raise serializers.ValidationError(fault.detail, fault.code)
        value: dict[str, Any] = super().to_internal_value(data)
        return value


class KeyInput(StrictSerializer):
    name = serializers.CharField(max_length=100)
    description = serializers.CharField(max_length=500, required=False, allow_blank=True)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=sorted(GRANTABLE)), required=False, max_length=50
    )
    tier = serializers.ChoiceField(choices=["free", "pro", "enterprise"], required=False)
    environment = serializers.ChoiceField(choices=ApiKey.Environment.choices, required=False)
    allowed_cidrs = NetworksField(required=False, max_length=MOST_NETWORKS)
    expires_at = serializers.DateTimeField(required=False, allow_null=True)
    external_id = serializers.CharField(max_length=255, required=False, allow_blank=True)
    metadata = MetadataField(required=False)


class KeyChangesInput(StrictSerializer):
    name = serializers.CharField(max_length=100, required=False)
    description = serializers.CharField(max_length=500, required=False, allow_blank=True)
    scopes = serializers.ListField(
        child=serializers.CharField(max_length=64), required=False, max_length=50
    )
    tier = serializers.ChoiceField(choices=["free", "pro", "enterprise"], required=False)
    allowed_cidrs = NetworksField(required=False, max_length=MOST_NETWORKS)
    expires_at = serializers.DateTimeField(required=False, allow_null=True)
    external_id = serializers.CharField(max_length=255, required=False, allow_blank=True)
    metadata = MetadataField(required=False)
    is_active = serializers.BooleanField(
        required=False, help_text="False switches the key off, true on again"
    )


class KeyFilters(Shape):
    """What a list may be narrowed to."""

    status = serializers.ChoiceField(choices=ApiKey.Status.choices, required=False)
    external_id = serializers.CharField(max_length=255, required=False)


class RotateInput(StrictSerializer):
    overlap_hours = serializers.IntegerField(
        required=False, min_value=0, max_value=168, help_text="24 without it"
    )


class RateOutput(Shape):
    limit = serializers.IntegerField(
        help_text="Calls a minute; of the product alone where it has limits of its own"
    )
    remaining = serializers.IntegerField()
    reset = serializers.IntegerField(help_text="Seconds until the window ends")


class QuotaOutput(Shape):
    limit = serializers.IntegerField(allow_null=True, help_text="Calls a month; null is unlimited")
    used = serializers.IntegerField()
    remaining = serializers.IntegerField(allow_null=True)
    resets_at = serializers.DateTimeField()


class VerifyInput(Shape):
    key = serializers.CharField(max_length=255)
    scopes = serializers.ListField(
        child=serializers.CharField(max_length=64), required=False, max_length=50,
        help_text="All of them must be the key's",
    )  # fmt: skip
    product = serializers.CharField(
        max_length=80, required=False, help_text="The slug of the API product that is called"
    )
    endpoint = serializers.CharField(
        max_length=255, required=False, help_text="Recorded; what follows a ? is not"
    )
    method = serializers.CharField(max_length=10, required=False)
    cost = serializers.IntegerField(
        min_value=0, max_value=1000, required=False,
        help_text="How much the call weighs in the rate; 1 without it",
    )  # fmt: skip
    ip = serializers.IPAddressField(
        required=False, help_text="Your caller's address; needed for keys with allowed networks"
    )


class VerifyOutput(Shape):
    valid = serializers.BooleanField()
    code = serializers.ChoiceField(choices=[code.value for code in Code])
    detail = serializers.CharField()
    key_id = serializers.UUIDField(allow_null=True)
    organization_id = serializers.UUIDField(allow_null=True)
    environment = serializers.CharField(allow_null=True)
    name = serializers.CharField(allow_null=True)
    external_id = serializers.CharField(allow_null=True)
    metadata = serializers.DictField(allow_null=True)
    tier = serializers.CharField(allow_null=True)
    scopes = serializers.ListField(child=serializers.CharField(), allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)
    ratelimit = RateOutput(allow_null=True)
    quota = QuotaOutput(allow_null=True)
    call_id = serializers.UUIDField(
        allow_null=True, help_text="Report the call with it, so that it counts once"
    )
    degraded = serializers.BooleanField(
        help_text="Limits did not hold and the call may not be recorded: the cache does not answer"
    )

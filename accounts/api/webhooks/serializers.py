"""Shapes of the webhook API. A secret is in the answers of create and roll-secret only."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.models import WebhookDelivery, WebhookEndpoint
from accounts.rules.deliveries import ATTEMPTS_SHOWN
from config.kit.api import StrictSerializer

Shape = serializers.Serializer[Any]
_TYPES = "Names such as license.revoked, license.* or *"


class EndpointInput(StrictSerializer):
    url = serializers.CharField(max_length=2048, help_text="https, port 443 or 8443, public")
    event_types = serializers.ListField(
        child=serializers.CharField(max_length=80), min_length=1, max_length=50, help_text=_TYPES
    )
    description = serializers.CharField(max_length=200, required=False, allow_blank=True)


class EndpointChangeInput(EndpointInput):
    url = serializers.CharField(max_length=2048, required=False)
    event_types = serializers.ListField(
        child=serializers.CharField(max_length=80),
        min_length=1,
        max_length=50,
        required=False,
        help_text=_TYPES,
    )


class ReplayInput(StrictSerializer):
    since = serializers.DateTimeField(help_text="Replay what was announced from this moment on")


class EndpointOutput(Shape):
    id = serializers.UUIDField()
    url = serializers.CharField()
    description = serializers.CharField()
    event_types = serializers.ListField(child=serializers.CharField())
    status = serializers.ChoiceField(choices=WebhookEndpoint.Status.choices)
    disabled_reason = serializers.CharField()
    disabled_at = serializers.DateTimeField(allow_null=True)
    api_version = serializers.CharField()
    failing_since = serializers.DateTimeField(allow_null=True)
    failure_streak = serializers.IntegerField(help_text="Tries that failed since the last success")
    former_secret_expires_at = serializers.DateTimeField(
        allow_null=True, help_text="Until then messages carry a signature of the former secret too"
    )
    created_at = serializers.DateTimeField()


class EndpointSecretOutput(Shape):
    endpoint = EndpointOutput()
    secret = serializers.CharField(
        allow_null=True, help_text="whsec_…, shown here only; null when the answer is a replay"
    )


class DeliveryOutput(Shape):
    id = serializers.UUIDField()
    event = serializers.UUIDField(source="event_id", help_text="The `webhook-id` of its messages")
    event_type = serializers.CharField(source="event.type")
    endpoint = serializers.UUIDField(source="endpoint_id")
    status = serializers.ChoiceField(choices=WebhookDelivery.Status.choices)
    attempts = serializers.IntegerField()
    next_attempt_at = serializers.DateTimeField(allow_null=True)
    response_status = serializers.IntegerField(allow_null=True)
    latency_ms = serializers.IntegerField(allow_null=True)
    error_code = serializers.CharField()
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class DeliveryFilters(Shape):
    """What a list of deliveries may be narrowed to."""

    status = serializers.ChoiceField(choices=WebhookDelivery.Status.choices, required=False)
    event_type = serializers.CharField(max_length=80, required=False, source="event__type")


class AttemptOutput(Shape):
    number = serializers.IntegerField()
    started_at = serializers.DateTimeField(source="created_at")
    finished_at = serializers.DateTimeField(
        allow_null=True, help_text="Null while it runs, and for ever when its worker died"
    )
    request_headers = serializers.DictField(child=serializers.CharField())
    response_status = serializers.IntegerField(allow_null=True)
    response_headers = serializers.DictField(child=serializers.CharField())
    response_body = serializers.CharField(help_text="The first 4 kB")
    latency_ms = serializers.IntegerField(allow_null=True)
    error_code = serializers.CharField()
    error = serializers.CharField()


class DeliveryDetailOutput(DeliveryOutput):
    payload = serializers.DictField(source="event.payload")
    log = AttemptOutput(
        many=True,
        source="latest_tries",
        help_text=f"The latest {ATTEMPTS_SHOWN} tries, the last first",
    )


class ReplayedOutput(Shape):
    replayed = serializers.IntegerField()


class EventTypeOutput(Shape):
    name = serializers.CharField()
    description = serializers.CharField()
    example = serializers.DictField()
    schema = serializers.DictField()

"""Shapes of the usage API."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.services.calls.usage import GROUPS, RANGES
from config.kit.api import StrictSerializer


class CallInput(serializers.Serializer[Any]):
    """Only describes a call for the schema; accounts.api.usage.reading reads it."""

    id = serializers.UUIDField(
        required=False, help_text="UUID version 7 of yours; sent again it changes nothing"
    )
    call_id = serializers.UUIDField(
        required=False, help_text="From the answer of keys/verify: completes that call"
    )
    key_id = serializers.UUIDField()
    product = serializers.CharField(
        required=False,
        max_length=80,
        help_text="The slug of the API product that was called; names not on sale are billed as one",
    )
    endpoint = serializers.CharField(
        max_length=2000, help_text="A path; query and ids in it are not stored"
    )
    method = serializers.CharField()
    status_code = serializers.IntegerField(min_value=100, max_value=599)
    latency_ms = serializers.FloatField(min_value=0)
    at = serializers.DateTimeField(
        required=False, help_text="With offset; the last 24 hours; an id bears its own time"
    )
    request_body = serializers.CharField(required=False, help_text="Kept only if asked for")
    response_body = serializers.CharField(required=False, help_text="Kept only if asked for")


class CallsInput(StrictSerializer):
    calls = CallInput(many=True, help_text="1 to 1,000 calls")


class CallRefusedOutput(serializers.Serializer[Any]):
    index = serializers.IntegerField(help_text="Place in the batch, from 0")
    pointer = serializers.CharField()
    code = serializers.CharField()
    detail = serializers.CharField()


class CallsOutput(serializers.Serializer[Any]):
    accepted = serializers.ListField(child=serializers.UUIDField(), help_text="Ids, in order")
    refused = CallRefusedOutput(many=True)


class CallOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    called_at = serializers.DateTimeField()
    key_id = serializers.UUIDField(source="api_key_id")
    product = serializers.CharField()
    endpoint = serializers.CharField()
    method = serializers.CharField()
    status_code = serializers.IntegerField()
    latency_ms = serializers.IntegerField()
    outcome = serializers.CharField()
    request_body = serializers.CharField(allow_null=True)
    response_body = serializers.CharField(allow_null=True)


class FiguresOutput(serializers.Serializer[Any]):
    requests = serializers.IntegerField()
    errors = serializers.IntegerField(help_text="Status 400 and up, or an outcome but VALID")
    billable = serializers.IntegerField(help_text="Calls whose outcome is VALID")
    p95_ms = serializers.IntegerField(
        source="p95", allow_null=True, help_text="At most 4.5 % off; null without calls"
    )
    mean_ms = serializers.IntegerField(source="mean", allow_null=True)


class StepOutput(FiguresOutput):
    at = serializers.DateTimeField()


class GroupOutput(FiguresOutput):
    key = serializers.CharField(help_text="Id of the key, the endpoint or the product's slug")
    label = serializers.CharField()


class UsageOutput(serializers.Serializer[Any]):
    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    step = serializers.ChoiceField(choices=["hour", "day"])
    total = FiguresOutput()
    steps = StepOutput(many=True)
    groups = GroupOutput(many=True)


class UsageQuery(serializers.Serializer[Any]):
    range = serializers.ChoiceField(choices=list(RANGES), default="24h")
    group_by = serializers.ChoiceField(choices=list(GROUPS), default="key")


class CallsQuery(serializers.Serializer[Any]):
    key_id = serializers.UUIDField(required=False)
    product = serializers.CharField(required=False, max_length=80)
    endpoint = serializers.CharField(required=False, max_length=200)
    outcome = serializers.CharField(required=False, max_length=32)
    errors = serializers.BooleanField(required=False, allow_null=True, default=None)
    since = serializers.DateTimeField(required=False)
    until = serializers.DateTimeField(required=False)


class LimitOutput(serializers.Serializer[Any]):
    product = serializers.CharField(help_text="Empty: all products without limits of their own")
    tier = serializers.CharField()
    requests_per_minute = serializers.IntegerField(help_text="Of each key")
    monthly_quota = serializers.IntegerField(source="limit", allow_null=True)
    used = serializers.IntegerField(allow_null=True)
    percent = serializers.FloatField(allow_null=True)
    resets_at = serializers.DateTimeField()


class LimitsOutput(serializers.Serializer[Any]):
    limits = LimitOutput(many=True)


class RecordingInput(StrictSerializer):
    keeps_bodies = serializers.BooleanField()


class RecordingOutput(serializers.Serializer[Any]):
    keeps_bodies = serializers.BooleanField()

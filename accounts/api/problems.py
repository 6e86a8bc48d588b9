"""How refusals look in the OpenAPI document; config.kit.problems writes them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers


class FieldErrorOutput(serializers.Serializer[Any]):
    pointer = serializers.CharField(help_text="JSON pointer to the field; empty for the whole")
    code = serializers.CharField()
    detail = serializers.CharField()


@extend_schema_serializer(component_name="Problem")
class ProblemOutput(serializers.Serializer[Any]):
    """A refusal as RFC 9457 writes it; `code` is stable (docs/errors.md)."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField()
    detail = serializers.CharField()
    request_id = serializers.CharField()
    data = serializers.DictField(required=False)  # type: ignore[assignment]
    errors = FieldErrorOutput(many=True, required=False)  # type: ignore[assignment]

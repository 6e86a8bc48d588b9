"""Metered use of a month in the API."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from django.utils.timezone import now
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from accounts.api.base import OrganizationView
from accounts.api.listed import IN_LISTS
from billing.services.usage import month_of


class MonthQuery(serializers.Serializer[Any]):
    month = serializers.RegexField(
        r"^20[0-9]{2}-(0[1-9]|1[0-2])$",
        required=False,
        help_text="For example 2026-11; the current one without it",
    )


class UsageLineOutput(serializers.Serializer[Any]):
    feature_type = serializers.CharField(
        help_text="api_calls, or trial_calls: a trial's keys', of the API that is tried; they cost nothing"
    )
    product = serializers.CharField(
        help_text="A name of the catalogue; empty for all other calls together"
    )
    currency = serializers.CharField()
    request_count = serializers.IntegerField(source="requests")
    total_tokens = serializers.IntegerField(source="tokens")
    total_cost = serializers.DecimalField(
        source="cost", max_digits=24, decimal_places=7, help_text="Exact, without VAT"
    )


class MonthOutput(serializers.Serializer[Any]):
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    booked_until = serializers.DateTimeField(allow_null=True)
    lines = UsageLineOutput(many=True)


class BillingUsageView(OrganizationView):
    area: ClassVar = "billing"

    @extend_schema(
        summary="Metered use of a month",
        description="Hours are booked five minutes after they end; late calls are corrections.",
        parameters=[MonthQuery],
        responses={200: MonthOutput, **IN_LISTS},
    )
    def get(self, request: Any) -> Response:
        wish = MonthQuery(data=request.query_params)
        wish.is_valid(raise_exception=True)
        return Response(MonthOutput(month_of(self.organization, _moment(wish))).data)


def _moment(wish: MonthQuery) -> datetime:
    text = wish.validated_data.get("month")
    return datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC) if text else now()

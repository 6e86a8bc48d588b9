"""API calls: reported by customers' services, counted, listed, and limited."""

from __future__ import annotations

from typing import Any, ClassVar

import orjson
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.utils.timezone import now
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from accounts.api.base import OrganizationView
from accounts.api.listed import IN_LISTS, OPTIONAL_KEY, PAGE, ListedView, problems
from accounts.api.usage.reading import MOST, ItemRefused, Unnamed, key_of, read_call
from accounts.api.usage.serializers import (
    CallOutput,
    CallsInput,
    CallsOutput,
    CallsQuery,
    LimitsOutput,
    RecordingInput,
    RecordingOutput,
    UsageOutput,
    UsageQuery,
)
from accounts.models import ApiCall, ApiKey
from accounts.rules.calls import VALID, Call
from accounts.services.calls.identity import noise_of
from accounts.services.calls.quotas import limits_of
from accounts.services.calls.recording import keep_bodies, keeps_bodies
from accounts.services.calls.reporting import first_told, record_reported
from accounts.services.calls.usage import usage_of
from config.kit.api import CursorPage, StrictParser
from config.kit.errors import InvalidInput


class BatchParser(StrictParser):
    """A thousand calls with bodies are larger than other requests."""

    limit: ClassVar = 8 * 1024 * 1024


class CallsPage(CursorPage):
    ordering = ("-called_at", "-id")


class CallsView(OrganizationView):
    area: ClassVar = "calls"
    needs: ClassVar = {"POST": "manage_keys"}
    parser_classes: ClassVar = [BatchParser]

    @extend_schema(
        operation_id="calls_create",
        summary="Report API calls of your own services",
        description="Up to 1,000 calls. Each is taken or refused by itself; a call that is sent "
        "again with its id, or its batch with its Idempotency-Key, counts once. They are stored within seconds and count towards the "
        "monthly quota at once, except with the `call_id` of a verification: that call counted when it was verified.",
        parameters=[OPTIONAL_KEY],
        request=CallsInput,
        responses={202: CallsOutput, **IN_LISTS, **problems(s503="Send the same calls again.")},
    )
    def post(self, request: Any) -> HttpResponse:
        items = request.data.get("calls")
        if set(request.data) != {"calls"} or not isinstance(items, list):
            raise InvalidInput("Send an object with the list `calls` and nothing else.")
        if not 1 <= len(items) <= MOST:
            raise InvalidInput(f"Send 1 to {MOST:,} calls.")
        return self.once(lambda: self._take(items))

    def _take(self, items: list[Any]) -> Response:
        taken: list[Call] = []
        refused: list[dict[str, Any]] = []
        known, at = self._known(items), now()
        key = self._key(self.request)
        made_at = first_told(self.organization, key, at) if key else at
        for index, item in enumerate(items):
            unnamed = Unnamed(made_at, self._noise(key, index, item) if key else None)
            try:
                taken.append(read_call(item, self.organization.pk, known, at, unnamed))
            except ItemRefused as error:
                pointer = f"/calls/{index}/{error.field}".rstrip("/")
                facts = {"pointer": pointer, "code": error.code, "detail": error.detail}
                refused.append({"index": index, **facts})
        record_reported(self.organization, taken)
        told = {"accepted": [call.id for call in taken], "refused": refused}
        return Response(CallsOutput(told).data, status=202)

    def _noise(self, key: str, index: int, item: Any) -> int:
        return noise_of(self.organization.pk, key, index, orjson.dumps(item).decode())

    def _known(self, items: list[Any]) -> set[Any]:
        named = {key for item in items if (key := key_of(item))}
        keys = ApiKey.objects.for_organization(self.organization)
        return set(keys.filter(pk__in=named).values_list("pk", flat=True))


class UsageView(OrganizationView):
    area: ClassVar = "usage"

    @extend_schema(
        summary="Requests, errors and latency",
        parameters=[UsageQuery],
        responses={200: UsageOutput, **IN_LISTS},
    )
    def get(self, request: Any) -> Response:
        wish = UsageQuery(data=request.query_params)
        wish.is_valid(raise_exception=True)
        usage = usage_of(self.organization, at=now(), **wish.validated_data)
        facts = {
            "since": usage.since,
            "until": usage.until,
            "step": usage.step,
            "total": _told(usage.total),
            "steps": [{"at": moment, **_told(figures)} for moment, figures in usage.steps],
            "groups": [
                {"key": each.key, "label": each.label, **_told(each.figures)}
                for each in usage.groups
            ],
        }
        return Response(UsageOutput(facts).data)


class UsageCallsView(ListedView):
    area: ClassVar = "usage"
    pagination_class: ClassVar = CallsPage

    @extend_schema(
        operation_id="usage_calls_list",
        summary="Single calls, newest first",
        parameters=[CallsQuery, *PAGE],
        responses={200: CallOutput(many=True), **IN_LISTS},
    )
    def get(self, request: Any) -> Response:
        wish = CallsQuery(data=request.query_params)
        wish.is_valid(raise_exception=True)
        rows = ApiCall.objects.for_organization(self.organization)
        return self.listed(_narrowed(rows, wish.validated_data), CallOutput)


class UsageLimitsView(OrganizationView):
    area: ClassVar = "usage"

    @extend_schema(
        summary="Limits and how near they are", responses={200: LimitsOutput, **IN_LISTS}
    )
    def get(self, request: Any) -> Response:
        return Response(LimitsOutput({"limits": limits_of(self.organization, now())}).data)


class UsageSettingsView(OrganizationView):
    area: ClassVar = "usage"
    needs: ClassVar = {"PUT": "manage_organization"}

    @extend_schema(summary="What is kept of calls", responses={200: RecordingOutput, **IN_LISTS})
    def get(self, request: Any) -> Response:
        return self._answer()

    @extend_schema(
        summary="Keep bodies of calls, or stop keeping them",
        description="Bodies are redacted and cut to 4,096 characters before they are stored.",
        request=RecordingInput,
        responses={200: RecordingOutput, **IN_LISTS},
    )
    def put(self, request: Any) -> Response:
        form = RecordingInput(data=request.data)
        form.is_valid(raise_exception=True)
        keep_bodies(self.organization, form.validated_data["keeps_bodies"])
        return self._answer()

    def _answer(self) -> Response:
        return Response(RecordingOutput({"keeps_bodies": keeps_bodies(self.organization)}).data)


def _told(figures: Any) -> dict[str, Any]:
    names = ("requests", "errors", "billable", "p95", "mean")
    return {name: getattr(figures, name) for name in names}


def _narrowed(rows: QuerySet[Any], wish: dict[str, Any]) -> QuerySet[Any]:
    fields = {
        "key_id": "api_key_id", "product": "product", "endpoint": "endpoint",
        "outcome": "outcome", "since": "called_at__gte", "until": "called_at__lt",
    }  # fmt: skip
    chosen = rows.filter(**{fields[name]: wish[name] for name in fields if name in wish})
    failed = Q(status_code__gte=400) | ~Q(outcome=VALID)
    if wish["errors"] is None:
        return chosen
    return chosen.filter(failed) if wish["errors"] else chosen.exclude(failed)

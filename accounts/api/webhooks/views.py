"""Webhooks in the API: endpoints, what was sent to them, and sending it again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar
from uuid import UUID

from django.db import transaction
from django.db.models import Prefetch, QuerySet
from django.http import HttpResponse
from django.utils.decorators import method_decorator
from django.utils.timezone import now
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from accounts.api.base import OrganizationView
from accounts.api.listed import (
    CONFLICTS,
    IN_LISTS,
    OPTIONAL_KEY,
    PAGE,
    REFUSALS,
    ListedView,
    own,
)
from accounts.api.webhooks.serializers import (
    DeliveryDetailOutput,
    DeliveryFilters,
    DeliveryOutput,
    EndpointChangeInput,
    EndpointInput,
    EndpointOutput,
    EndpointSecretOutput,
    EventTypeOutput,
    ReplayedOutput,
    ReplayInput,
)
from accounts.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from accounts.rules.deliveries import ATTEMPTS_SHOWN
from accounts.services.webhooks import endpoints, replaying
from accounts.services.webhooks.catalogue import event_types
from accounts.services.webhooks.endpoints import Made

_MANAGE = dict.fromkeys(("POST", "PATCH", "DELETE"), "manage_webhooks")


class WebhookView(ListedView):
    """What concerns the organization's own endpoints."""

    area: ClassVar[str] = "webhooks"
    needs: ClassVar[dict[str, str]] = _MANAGE

    def endpoints(self) -> QuerySet[WebhookEndpoint]:
        return WebhookEndpoint.objects.for_organization(self.organization)

    def endpoint(self, key: UUID) -> WebhookEndpoint:
        found: WebhookEndpoint = own(self.endpoints(), key)
        return found

    def deliveries(self) -> QuerySet[WebhookDelivery]:
        rows = WebhookDelivery.objects.for_organization(self.organization).kept()
        return rows.select_related("event")

    def revealing(self, make: Callable[[], Made], status: int) -> HttpResponse:
        """Answer with an endpoint and its new secret."""

        def shown() -> tuple[dict[str, Any], str]:
            made = make()
            return {"endpoint": EndpointOutput(made.endpoint).data}, made.secret

        return self.once_revealing("secret", shown, status=status)

    def read(self, shape: type[Serializer[Any]], **options: Any) -> dict[str, Any]:
        given = shape(data=self.request.data, **options)
        given.is_valid(raise_exception=True)
        facts: dict[str, Any] = given.validated_data
        return facts


@method_decorator(transaction.non_atomic_requests, name="dispatch")
class EndpointListView(WebhookView):
    """The name server is asked for a new address: no transaction stands open meanwhile."""

    @extend_schema(
        operation_id="webhooks_endpoints_list",
        summary="Webhook endpoints, newest first",
        parameters=PAGE,
        responses={200: EndpointOutput(many=True), **IN_LISTS},
    )
    def get(self, request: Any) -> Response:
        return self.listed(self.endpoints(), EndpointOutput)

    @extend_schema(
        operation_id="webhooks_endpoints_create",
        summary="Add an endpoint; its secret is in this answer only",
        description="Messages are signed as Standard Webhooks says: see /webhooks/docs/.",
        parameters=[OPTIONAL_KEY],
        request=EndpointInput,
        responses={201: EndpointSecretOutput, **CONFLICTS},
    )
    def post(self, request: Any) -> Any:
        facts = self.read(EndpointInput)
        endpoints.check_url(facts["url"])
        return self.revealing(
            lambda: endpoints.add_endpoint(self.organization, **facts), status=201
        )


@method_decorator(transaction.non_atomic_requests, name="dispatch")
class EndpointDetailView(WebhookView):
    @extend_schema(
        operation_id="webhooks_endpoints_retrieve",
        summary="One endpoint",
        responses={200: EndpointOutput, **REFUSALS},
    )
    def get(self, request: Any, endpoint_id: UUID) -> Response:
        return Response(EndpointOutput(self.endpoint(endpoint_id)).data)

    @extend_schema(
        operation_id="webhooks_endpoints_update",
        summary="Change an endpoint's address, types or description",
        request=EndpointChangeInput,
        responses={200: EndpointOutput, **REFUSALS},
    )
    def patch(self, request: Any, endpoint_id: UUID) -> Response:
        found = self.endpoint(endpoint_id)
        changed = endpoints.update_endpoint(found, **self.read(EndpointChangeInput))
        return Response(EndpointOutput(changed).data)

    @extend_schema(
        operation_id="webhooks_endpoints_delete",
        summary="Delete an endpoint with the record of its deliveries",
        responses={204: None, **REFUSALS},
    )
    def delete(self, request: Any, endpoint_id: UUID) -> Response:
        endpoints.delete_endpoint(self.endpoint(endpoint_id), at=now())
        return Response(status=204)


class EndpointTestView(WebhookView):
    @extend_schema(
        operation_id="webhooks_endpoints_test",
        summary="Send this endpoint a message of type webhook.test",
        parameters=[OPTIONAL_KEY],
        request=None,
        responses={202: DeliveryOutput, **CONFLICTS},
    )
    def post(self, request: Any, endpoint_id: UUID) -> Any:
        found = self.endpoint(endpoint_id)

        def work() -> Response:
            delivery = replaying.send_test(found)
            return Response(DeliveryOutput(delivery).data, status=202)

        return self.once(work)


class RollSecretView(WebhookView):
    @extend_schema(
        operation_id="webhooks_endpoints_roll_secret",
        summary="Give an endpoint a new secret; it is in this answer only",
        description="For 24 hours messages carry a signature of either secret.",
        parameters=[OPTIONAL_KEY],
        request=None,
        responses={200: EndpointSecretOutput, **REFUSALS},
    )
    def post(self, request: Any, endpoint_id: UUID) -> Any:
        found = self.endpoint(endpoint_id)
        return self.revealing(lambda: endpoints.roll_secret(found, at=now()), status=200)


class EndpointEnableView(WebhookView):
    @extend_schema(
        operation_id="webhooks_endpoints_enable",
        summary="Call an endpoint again",
        description="What it missed is not sent by itself: see replay.",
        request=None,
        responses={200: EndpointOutput, **REFUSALS},
    )
    def post(self, request: Any, endpoint_id: UUID) -> Response:
        enabled = endpoints.enable_endpoint(self.endpoint(endpoint_id))
        return Response(EndpointOutput(enabled).data)


class EndpointDisableView(WebhookView):
    @extend_schema(
        operation_id="webhooks_endpoints_disable",
        summary="Stop calling an endpoint; what waits is abandoned",
        request=None,
        responses={200: EndpointOutput, **REFUSALS},
    )
    def post(self, request: Any, endpoint_id: UUID) -> Response:
        disabled = endpoints.disable_endpoint(self.endpoint(endpoint_id))
        return Response(EndpointOutput(disabled).data)


class EndpointReplayView(WebhookView):
    @extend_schema(
        operation_id="webhooks_endpoints_replay",
        summary="Send again all that failed or was abandoned since a moment",
        parameters=[OPTIONAL_KEY],
        request=ReplayInput,
        responses={202: ReplayedOutput, **CONFLICTS},
    )
    def post(self, request: Any, endpoint_id: UUID) -> Any:
        found = self.endpoint(endpoint_id)
        since = self.read(ReplayInput)["since"]

        def work() -> Response:
            count = replaying.replay_failed(found, since=since)
            return Response(ReplayedOutput({"replayed": count}).data, status=202)

        return self.once(work)


class EndpointDeliveriesView(WebhookView):
    @extend_schema(
        operation_id="webhooks_endpoints_deliveries",
        summary="What was sent to an endpoint, newest first",
        parameters=[
            OpenApiParameter("status", str, enum=WebhookDelivery.Status.values),
            OpenApiParameter("event_type", str, description="One exact type"),
            *PAGE,
        ],
        responses={200: DeliveryOutput(many=True), **REFUSALS},
    )
    def get(self, request: Any, endpoint_id: UUID) -> Response:
        rows = self.deliveries().filter(endpoint=self.endpoint(endpoint_id))
        wanted = DeliveryFilters(data=request.query_params)
        wanted.is_valid(raise_exception=True)
        return self.listed(rows.filter(**wanted.validated_data), DeliveryOutput)


class DeliveryView(WebhookView):
    @extend_schema(
        operation_id="webhooks_deliveries_retrieve",
        summary="One delivery with its payload and its latest tries",
        responses={200: DeliveryDetailOutput, **REFUSALS},
    )
    def get(self, request: Any, delivery_id: UUID) -> Response:
        tries = WebhookAttempt.objects.for_organization(self.organization).order_by("-number")
        latest = Prefetch("log", tries[:ATTEMPTS_SHOWN], to_attr="latest_tries")
        rows = self.deliveries().prefetch_related(latest)
        return Response(DeliveryDetailOutput(own(rows, delivery_id)).data)


class DeliveryReplayView(WebhookView):
    @extend_schema(
        operation_id="webhooks_deliveries_replay",
        summary="Send one message again, whether it arrived or not",
        parameters=[OPTIONAL_KEY],
        request=None,
        responses={202: DeliveryOutput, **CONFLICTS},
    )
    def post(self, request: Any, delivery_id: UUID) -> Any:
        found = own(self.deliveries(), delivery_id)

        def work() -> Response:
            return Response(DeliveryOutput(replaying.replay(found)).data, status=202)

        return self.once(work)


class EventTypeListView(OrganizationView):
    area: ClassVar[str] = "webhooks"

    @extend_schema(
        operation_id="webhooks_event_types_list",
        summary="Every event type with an example and a JSON schema of its data",
        responses={200: EventTypeOutput(many=True), **IN_LISTS},
    )
    def get(self, request: Any) -> Response:
        return Response(EventTypeOutput(list(event_types().values()), many=True).data)

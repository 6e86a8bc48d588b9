"""Trials for the programs and people of an organization."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpResponse
from django.utils.timezone import now
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from accounts.api.base import OrganizationView
from accounts.api.listed import (
    CONFLICTS,
    IN_LISTS,
    OPTIONAL_KEY,
    PAGE,
    REFUSALS,
    REQUIRED_KEY,
    ListedView,
    own,
)
from billing.api.serializers import OrderOutput
from billing.models import Price, Product
from billing.services import orders
from billing.services.purchases import purchase_of, purchases
from config.kit.api import StrictSerializer
from config.kit.errors import NotFound
from licensing.models import TrialWorkspace
from licensing.rules.trials import TrialOver
from licensing.services import trials


class TrialInput(StrictSerializer):
    product = serializers.SlugField(help_text="Slug of a product that offers a trial")
    name = serializers.CharField(max_length=120)
    slug = serializers.RegexField(
        r"^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", required=False, help_text="Made for you without it"
    )
    tier = serializers.ChoiceField(
        choices=TrialWorkspace.Tier.choices,
        default=TrialWorkspace.Tier.STANDARD.value,
        help_text="Of an API's trial: its keys have the limits of the pro or the enterprise tier",
    )


class TrialKeyInput(StrictSerializer):
    name = serializers.CharField(max_length=100)


class TrialConversionInput(StrictSerializer):
    price = serializers.UUIDField(help_text="Id of a price of the trial's product")
    quantity = serializers.IntegerField(min_value=1, max_value=1000, default=1)


class TrialOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    product = serializers.CharField(source="product.slug")
    name = serializers.CharField()
    slug = serializers.CharField()
    tier = serializers.ChoiceField(choices=TrialWorkspace.Tier.choices)
    status = serializers.SerializerMethodField(help_text="As it is now, to the second")
    expires_at = serializers.DateTimeField()
    converted_at = serializers.DateTimeField(allow_null=True)
    cancelled_at = serializers.DateTimeField(allow_null=True)
    license = serializers.UUIDField(
        source="license_id", allow_null=True, help_text="Follows within seconds of the start"
    )
    subscription = serializers.UUIDField(source="subscription_id", allow_null=True)
    created_at = serializers.DateTimeField()

    def get_status(self, trial: TrialWorkspace) -> str:
        return trial.state(now())


class StartedTrialOutput(TrialOutput):
    key = serializers.CharField(
        allow_null=True, help_text="An API key of the trial, shown this once; null in a replay"
    )


class TrialKeyOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    prefix = serializers.CharField()
    expires_at = serializers.DateTimeField(allow_null=True)
    key = serializers.CharField(allow_null=True, help_text="Shown this once; null in a replay")


class TrialListView(ListedView):
    area: ClassVar = "trials"
    needs: ClassVar = {"POST": "start_trial"}

    @extend_schema(
        operation_id="trials_list",
        summary="Trials, newest first",
        parameters=PAGE,
        responses={200: TrialOutput(many=True), **IN_LISTS},
    )
    def get(self, request: Any) -> Response:
        return self.listed(_trials(self), TrialOutput)

    @extend_schema(
        summary="Start the one trial of a product",
        description="409 `trial_already_used` names the earlier one when it is your own.",
        parameters=[OPTIONAL_KEY],
        request=TrialInput,
        responses={201: StartedTrialOutput, **CONFLICTS},
    )
    def post(self, request: Any) -> HttpResponse:
        form = TrialInput(data=request.data)
        form.is_valid(raise_exception=True)
        return self.once_revealing("key", lambda: self._start(**form.validated_data))

    def _start(self, product: str, **wish: Any) -> tuple[Any, str]:
        found = Product.objects.on_sale().filter(slug=product).first()
        if found is None:
            raise NotFound("No product on sale has this slug.")
        trial, secret = trials.start_trial(
            self.organization, product=found, by=self.person, at=now(), **wish
        )
        return TrialOutput(trial).data, secret


class TrialDetailView(OrganizationView):
    area: ClassVar = "trials"

    @extend_schema(summary="One trial", responses={200: TrialOutput, **REFUSALS})
    def get(self, request: Any, trial_id: UUID) -> Response:
        return Response(TrialOutput(own(_trials(self), trial_id)).data)


class TrialKeysView(OrganizationView):
    area: ClassVar = "trials"
    needs: ClassVar = {"POST": "manage_keys"}

    @extend_schema(
        operation_id="trials_keys_create",
        summary="Make another key of a trial",
        parameters=[OPTIONAL_KEY],
        request=TrialKeyInput,
        responses={201: TrialKeyOutput, **CONFLICTS},
    )
    def post(self, request: Any, trial_id: UUID) -> HttpResponse:
        trial = own(_trials(self), trial_id)
        form = TrialKeyInput(data=request.data)
        form.is_valid(raise_exception=True)
        name = form.validated_data["name"]
        return self.once_revealing("key", lambda: self._add(trial, name))

    def _add(self, trial: TrialWorkspace, name: str) -> tuple[Any, str]:
        link, secret = trials.add_key(trial, name=name, by=self.person, at=now())
        key = link.api_key
        facts = {"id": key.pk, "name": key.name, "prefix": key.prefix}
        return {**facts, "expires_at": key.expires_at}, secret


class TrialCancelView(OrganizationView):
    area: ClassVar = "trials"
    needs: ClassVar = {"POST": "start_trial"}

    @extend_schema(
        summary="Cancel a trial",
        description="Its keys stop at once. Repeating it answers the same.",
        request=None,
        responses={200: TrialOutput, **CONFLICTS},
    )
    def post(self, request: Any, trial_id: UUID) -> Response:
        trial = trials.cancel_trial(own(_trials(self), trial_id), at=now())
        return Response(TrialOutput(trial).data)


class TrialConvertView(OrganizationView):
    area: ClassVar = "trials"
    needs: ClassVar = {"POST": "buy"}
    requires_key: ClassVar = True

    @extend_schema(
        summary="Order the paid plan of a trial",
        description="Pay at `checkout_path`. Once it is paid the trial is converted: keys, "
        "license and devices stay. Ordering the product in any other way does the same.",
        parameters=[REQUIRED_KEY],
        request=TrialConversionInput,
        responses={201: OrderOutput, **CONFLICTS},
    )
    def post(self, request: Any, trial_id: UUID) -> HttpResponse:
        trial = own(_trials(self), trial_id)
        form = TrialConversionInput(data=request.data)
        form.is_valid(raise_exception=True)
        return self.once(lambda: self._order(trial, **form.validated_data))

    def _order(self, trial: TrialWorkspace, price: UUID, quantity: int) -> Response:
        at = now()
        if not trial.may_convert(at):
            raise TrialOver(status=trial.state(at))
        prices = Price.objects.filter(product=trial.product_id).select_related("product")
        order = orders.place_order(
            self.organization,
            price=own(prices, price),
            quantity=quantity,
            client_key=self.request.headers["Idempotency-Key"],
            placed_by=self.person,
            at=at,
        )
        placed = purchase_of(purchases(self.organization).get(pk=order.pk))
        return Response(OrderOutput(placed).data, status=201)


def _trials(view: OrganizationView) -> Any:
    rows = TrialWorkspace.objects.for_organization(view.organization)
    return rows.select_related("organization", "product")

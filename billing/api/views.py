"""Catalogue, orders, subscriptions and invoices of the current organization."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.db import transaction
from django.db.models import Prefetch
from django.http import HttpResponse
from django.utils import timezone
from django.utils.decorators import method_decorator
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
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
    problems,
)
from billing.api.files import pdf_response
from billing.api.serializers import (
    CheckoutOutput,
    InvoiceOutput,
    OrderInput,
    OrderOutput,
    ProductOutput,
    SubscriptionOutput,
)
from billing.models import Invoice, Order, PaymentAttempt, Price, Product, SavedCard, Subscription
from billing.rules.orders import CardNotFound
from billing.services import checkout, orders, subscriptions
from billing.services.purchases import purchase_of, purchases
from config.kit.api import OrjsonRenderer

STATUS = OpenApiParameter(
    "status", OpenApiTypes.STR, enum=["open", "paid", "void"], description="Only invoices in it."
)


class ProductsView(ListedView):
    area: ClassVar = "billing"

    @extend_schema(
        operation_id="products_list",
        summary="What is on sale",
        parameters=PAGE,
        responses={200: ProductOutput(many=True), **IN_LISTS},
    )
    def get(self, request: Any) -> Response:
        prices = Prefetch("prices", Price.objects.filter(is_active=True), to_attr="active_prices")
        return self.listed(Product.objects.on_sale().prefetch_related(prices), ProductOutput)


class OrdersView(ListedView):
    area: ClassVar = "billing"
    needs: ClassVar = {"POST": "buy"}
    requires_key: ClassVar = True

    @extend_schema(
        operation_id="orders_list",
        summary="Orders",
        parameters=PAGE,
        responses={200: OrderOutput(many=True), **IN_LISTS},
    )
    def get(self, request: Any) -> Response:
        return self.listed(purchases(self.organization), OrderOutput, shape=purchase_of)

    @extend_schema(
        summary="Order a product",
        description="Then POST to `checkout_path` for the payment page, or wait for the charge.",
        parameters=[REQUIRED_KEY],
        request=OrderInput,
        responses={201: OrderOutput, **CONFLICTS},
    )
    def post(self, request: Any) -> HttpResponse:
        form = OrderInput(data=request.data)
        form.is_valid(raise_exception=True)
        return self.once(lambda: self._place(form.validated_data))

    def _place(self, wish: dict[str, Any]) -> Response:
        order = orders.place_order(
            self.organization,
            price=own(Price.objects.select_related("product"), wish["price"]),
            quantity=wish["quantity"],
            client_key=self.request.headers["Idempotency-Key"],
            placed_by=self.person,
            at=timezone.now(),
            method=wish["payment"],
            card=self._card(wish["payment"]),
        )
        placed = purchase_of(purchases(self.organization).get(pk=order.pk))
        return Response(OrderOutput(placed).data, status=201)

    def _card(self, method: str) -> SavedCard | None:
        if method == PaymentAttempt.Method.HOSTED:
            return None
        cards = SavedCard.objects.for_organization(self.organization)
        card: SavedCard | None = cards.filter(is_default=True).first()
        if card is None:
            raise CardNotFound("No card is on file. Pay on the payment page.")
        return card


class OrderDetailView(OrganizationView):
    area: ClassVar = "billing"

    @extend_schema(summary="One order and its payment", responses={200: OrderOutput, **REFUSALS})
    def get(self, request: Any, order_id: UUID) -> Response:
        return Response(OrderOutput(purchase_of(own(purchases(self.organization), order_id))).data)


@method_decorator(transaction.non_atomic_requests, name="dispatch")
class OrderCheckoutView(OrganizationView):
    area: ClassVar = "billing"
    """Asks the vendor, so it holds no transaction; the attempt's row keeps it from acting twice."""

    needs: ClassVar = {"POST": "buy"}

    @extend_schema(
        summary="The payment page of an order",
        description="Opens the page once; asking again gives the same address while it is open.",
        request=None,
        responses={
            200: CheckoutOutput,
            **CONFLICTS,
            **problems(s503="The payment vendor does not answer; nothing was changed."),
        },
    )
    def post(self, request: Any, order_id: UUID) -> Response:
        order: Order = own(Order.objects.for_organization(self.organization), order_id)
        attempt = orders.pay_again(order, method=PaymentAttempt.Method.HOSTED)
        url = checkout.open_hosted_page(attempt)
        return Response(CheckoutOutput({"checkout_url": url}).data)


class SubscriptionsView(ListedView):
    area: ClassVar = "billing"

    @extend_schema(
        operation_id="subscriptions_list",
        summary="Subscriptions",
        parameters=PAGE,
        responses={200: SubscriptionOutput(many=True), **IN_LISTS},
    )
    def get(self, request: Any) -> Response:
        rows = Subscription.objects.for_organization(self.organization)
        return self.listed(rows.select_related("price__product"), SubscriptionOutput)


class SubscriptionDetailView(OrganizationView):
    area: ClassVar = "billing"

    @extend_schema(summary="One subscription", responses={200: SubscriptionOutput, **REFUSALS})
    def get(self, request: Any, subscription_id: UUID) -> Response:
        return Response(SubscriptionOutput(_subscription(self, subscription_id)).data)


class SubscriptionCancelView(OrganizationView):
    area: ClassVar = "billing"
    needs: ClassVar = {"POST": "manage_billing"}

    @extend_schema(
        summary="End a subscription with its period",
        description="It runs until `current_period_end`. Doing it again changes nothing.",
        parameters=[OPTIONAL_KEY],
        request=None,
        responses={200: SubscriptionOutput, **CONFLICTS},
    )
    def post(self, request: Any, subscription_id: UUID) -> HttpResponse:
        return self.once(lambda: self._cancel(_subscription(self, subscription_id)))

    def _cancel(self, subscription: Subscription) -> Response:
        subscriptions.cancel_at_period_end(subscription, at=timezone.now())
        return Response(SubscriptionOutput(_subscription(self, subscription.pk)).data)


class SubscriptionResumeView(OrganizationView):
    area: ClassVar = "billing"
    needs: ClassVar = {"POST": "manage_billing"}

    @extend_schema(
        summary="Take a cancellation back",
        description="Possible until the period ends. Doing it again changes nothing.",
        parameters=[OPTIONAL_KEY],
        request=None,
        responses={200: SubscriptionOutput, **CONFLICTS},
    )
    def post(self, request: Any, subscription_id: UUID) -> HttpResponse:
        return self.once(lambda: self._resume(_subscription(self, subscription_id)))

    def _resume(self, subscription: Subscription) -> Response:
        subscriptions.resume(subscription)
        return Response(SubscriptionOutput(_subscription(self, subscription.pk)).data)


class InvoicesView(ListedView):
    area: ClassVar = "billing"

    @extend_schema(
        operation_id="invoices_list",
        summary="Invoices",
        parameters=[STATUS, *PAGE],
        responses={200: InvoiceOutput(many=True), **IN_LISTS},
    )
    def get(self, request: Any) -> Response:
        rows = Invoice.objects.for_organization(self.organization).finalised()
        if "status" in request.query_params:
            rows = rows.filter(status=_status(request.query_params["status"]))
        return self.listed(rows.prefetch_related("lines"), InvoiceOutput)


class InvoiceDetailView(OrganizationView):
    area: ClassVar = "billing"

    @extend_schema(summary="One invoice", responses={200: InvoiceOutput, **REFUSALS})
    def get(self, request: Any, invoice_id: UUID) -> Response:
        rows = Invoice.objects.for_organization(self.organization).finalised()
        return Response(InvoiceOutput(own(rows.prefetch_related("lines"), invoice_id)).data)


class PdfRenderer(OrjsonRenderer):
    """Lets a client ask for a PDF; refusals are still problem documents."""

    media_type = "application/pdf"
    format = "pdf"


class InvoicePdfView(OrganizationView):
    area: ClassVar = "billing"
    renderer_classes: ClassVar = [PdfRenderer, OrjsonRenderer]

    @extend_schema(
        summary="The document of an invoice",
        responses={(200, "application/pdf"): OpenApiTypes.BINARY, **REFUSALS},
    )
    def get(self, request: Any, invoice_id: UUID) -> HttpResponse:
        rows = Invoice.objects.for_organization(self.organization).finalised()
        return pdf_response(own(rows.select_related("order"), invoice_id))


def _subscription(view: OrganizationView, key: UUID) -> Subscription:
    rows = Subscription.objects.for_organization(view.organization)
    found: Subscription = own(rows.select_related("price__product"), key)
    return found


def _status(value: str) -> str:
    choices = [Invoice.Status.OPEN, Invoice.Status.PAID, Invoice.Status.VOID]
    if value not in choices:
        raise ValidationError({"status": [f"Choose one of {', '.join(choices)}."]})
    return value

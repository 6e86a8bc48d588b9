"""Orders: placed once per key with a draft invoice and a payment attempt, or given up."""

from __future__ import annotations

from datetime import datetime

import structlog
from django.db import connection, transaction

from accounts.models import Organization, User
from billing.models import (
    BillingProfile,
    Invoice,
    Order,
    OrderItem,
    PaymentAttempt,
    Price,
    SavedCard,
)
from billing.rules.attempts import AttemptStatus
from billing.rules.orders import (
    BillingDetailsMissing,
    ClientKeyReused,
    CurrencyMismatch,
    NothingToPay,
    OrderNotOpen,
    OrganizationNotActive,
    PaymentInProgress,
    PriceNotOnSale,
    require_quantity,
)
from billing.services import attempts, invoices
from billing.services.customers import profile_of

logger = structlog.get_logger(__name__)


@transaction.atomic
def place_order(
    organization: Organization,
    *,
    price: Price,
    quantity: int,
    client_key: str,
    placed_by: User | None,
    at: datetime,
    method: str = PaymentAttempt.Method.HOSTED,
    card: SavedCard | None = None,
) -> Order:
    """Order `quantity` of a price. With the same key again it is the same order.

    Writes the order as sold, the draft invoice with its VAT, and the attempt to collect it.
    """
    require_quantity(quantity)
    earlier = _earlier_order(organization, client_key, price, quantity)
    if earlier is not None:
        return earlier
    # Closing the organization locks it too: it finds this order, or this finds it closed.
    organization = Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
    price = Price.objects.select_related("product").get(pk=price.pk)
    profile = profile_of(organization)
    _require_orderable(organization, profile, price)
    order = _write_order(organization, price, quantity, client_key, placed_by, at)
    if order is None:
        return _require_earlier(organization, client_key, price, quantity)
    item = _write_item(order, price, quantity)
    invoice = invoices.draft_invoice(order, [item], profile=profile, at=at)
    attempts.request_payment(invoice, method=method, card=card)
    logger.info("order.placed", order_id=order.pk)
    return order


def _earlier_order(
    organization: Organization, client_key: str, price: Price, quantity: int
) -> Order | None:
    orders = Order.objects.for_organization(organization).prefetch_related("items")
    order: Order | None = orders.filter(client_key=client_key).first()
    if order is None:
        return None
    if [(item.price_id, item.quantity) for item in order.items.all()] != [(price.pk, quantity)]:
        raise ClientKeyReused
    return order


def _require_earlier(
    organization: Organization, client_key: str, price: Price, quantity: int
) -> Order:
    order = _earlier_order(organization, client_key, price, quantity)
    assert order is not None, "the insert was refused because this row exists"
    return order


def _require_orderable(organization: Organization, profile: BillingProfile, price: Price) -> None:
    if not organization.is_active:
        raise OrganizationNotActive
    if not (price.is_active and price.product.is_active) or price.product.stock == 0:
        raise PriceNotOnSale
    if price.currency != profile.currency:
        raise CurrencyMismatch(currency=profile.currency)
    if not price.unit_amount_minor:
        raise NothingToPay
    if not profile.country:
        raise BillingDetailsMissing


def _write_order(
    organization: Organization,
    price: Price,
    quantity: int,
    client_key: str,
    placed_by: User | None,
    at: datetime,
) -> Order | None:
    """Insert the order; None when another request with the key was first."""
    order = Order(
        organization=organization,
        number=_next_number(at),
        client_key=client_key,
        kind=price.product.kind,
        currency=price.currency,
        total_minor=price.unit_amount_minor * quantity,
        placed_by=placed_by,
        placed_at=at,
    )
    Order.objects.bulk_create([order], ignore_conflicts=True)
    return Order.objects.for_organization(organization).filter(pk=order.pk).first()


def _next_number(at: datetime) -> str:
    """Order numbers are unique, not gapless: an abandoned order may use one up."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('billing_order_numbers')")
        row = cursor.fetchone()
    return f"O-{at.year}-{row[0]:06d}"


def _write_item(order: Order, price: Price, quantity: int) -> OrderItem:
    return OrderItem.objects.create(
        organization_id=order.organization_id,
        order=order,
        price=price,
        product_name=price.product.name,
        sku=price.product.sku,
        interval=price.interval,
        currency=price.currency,
        quantity=quantity,
        unit_amount_minor=price.unit_amount_minor,
        total_minor=price.unit_amount_minor * quantity,
    )


@transaction.atomic
def pay_again(order: Order, *, method: str, card: SavedCard | None = None) -> PaymentAttempt:
    """Request another attempt for an order whose payment failed; a live one is returned."""
    order = Order.objects.select_for_update().get(pk=order.pk)
    if order.status != Order.Status.ORDERED:
        raise OrderNotOpen
    return attempts.request_payment(invoice_of(order), method=method, card=card)


@transaction.atomic
def cancel_order(order: Order, *, at: datetime) -> Order:
    """Give an order up before anything was paid; a payment under way forbids it."""
    order = Order.objects.select_for_update().get(pk=order.pk)
    if order.status == Order.Status.CANCELLED:
        return order
    if order.status != Order.Status.ORDERED:
        raise OrderNotOpen
    invoice = invoice_of(order)
    live = PaymentAttempt.objects.for_organization(order.organization_id).filter(invoice=invoice)
    for attempt in live.live():
        if attempt.status != AttemptStatus.REQUESTED:
            raise PaymentInProgress
        attempts.end(attempt, status=AttemptStatus.CANCELLED, reason="order_cancelled")
    invoices.void_draft(invoice)
    order.status, order.cancelled_at = Order.Status.CANCELLED, at
    order.save(update_fields=["status", "cancelled_at"])
    return order


def invoice_of(order: Order) -> Invoice:
    """Return the invoice of an order: there is one, drafted with it."""
    invoice: Invoice = Invoice.objects.for_organization(order.organization_id).get(order=order)
    return invoice

"""Where a purchase stands: one answer for pages and API, from order, invoice and last attempt."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db.models import Prefetch

from accounts.models import Organization
from billing.models import Invoice, Order, PaymentAttempt
from billing.rules.attempts import AttemptStatus
from config.kit.tenancy import OrganizationQuerySet

_ENDED = frozenset({AttemptStatus.FAILED, AttemptStatus.CANCELLED})


class Stage(StrEnum):
    """What the customer can be told. Open: nobody was asked for money yet. Failed: it is known."""

    OPEN = "open"
    PROCESSING = "processing"
    FAILED = "failed"
    PAID = "paid"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Purchase:
    order: Order
    invoice: Invoice | None
    attempt: PaymentAttempt | None

    @property
    def stage(self) -> Stage:
        if self.order.status == Order.Status.COMPLETED:
            return Stage.PAID
        if self.order.status == Order.Status.CANCELLED:
            return Stage.CANCELLED
        if self.attempt is None or self.attempt.status in _ENDED:
            return Stage.FAILED
        if self.attempt.status == AttemptStatus.REQUESTED and not self._is_charge:
            return Stage.OPEN
        return Stage.PROCESSING

    @property
    def _is_charge(self) -> bool:
        return self.attempt is not None and self.attempt.method == PaymentAttempt.Method.SAVED_CARD

    @property
    def final_invoice_id(self) -> UUID | None:
        """The invoice once it is a document; a draft is nobody's business."""
        return self.invoice.pk if self.invoice is not None and self.invoice.is_final else None


def purchases(organization: Organization) -> OrganizationQuerySet:
    """Return the organization's orders with what `purchase_of` looks at, in four queries."""
    attempts = PaymentAttempt.objects.for_organization(organization).order_by("-number")
    invoices = (
        Invoice.objects.for_organization(organization)
        .order_by("created_at", "id")
        .prefetch_related(Prefetch("attempts", queryset=attempts))
    )
    orders: OrganizationQuerySet = Order.objects.for_organization(organization)
    return orders.prefetch_related("items", Prefetch("invoices", queryset=invoices))


def purchase_of(order: Order) -> Purchase:
    """Look at an order of `purchases`."""
    bills: list[Any] = list(order.invoices.all())
    bill: Invoice | None = bills[-1] if bills else None
    tries: list[Any] = list(bill.attempts.all()) if bill is not None else []
    return Purchase(order, bill, tries[0] if tries else None)

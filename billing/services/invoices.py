"""Invoices: drafted with the order, numbered when paid, void when the order is given up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from billing.models import BillingProfile, Invoice, InvoiceLine, Order, OrderItem
from billing.rules import tax
from billing.rules.chart import invoice_legs
from billing.rules.orders import OrderNotOpen
from billing.services import ledger
from config.kit.ids import uuid7

SERIES = "SY"
"""Prefix of invoice numbers; a series of its own each year, without a gap."""

_NEXT = """
INSERT INTO billing_invoiceseries (id, prefix, last) VALUES (%s, %s, 1)
ON CONFLICT (prefix) DO UPDATE SET last = billing_invoiceseries.last + 1 RETURNING last
"""


def decide_tax(profile: BillingProfile, on: date) -> tax.Decision:
    """Say what VAT this customer pays on a day."""
    seller = tax.Party(settings.SELLER["country"], settings.SELLER["vat_id"])
    return tax.decide(seller, tax.Party(profile.country, profile.vat_id), on)


@transaction.atomic
def draft_invoice(
    order: Order, items: Sequence[OrderItem], *, profile: BillingProfile, at: datetime
) -> Invoice:
    """Write the draft of an order: one line an item, VAT on the document spread over the lines."""
    decision = decide_tax(profile, at.date())
    taxes = tax.tax_of_lines([(item.total_minor, decision.rate) for item in items])
    net = sum(item.total_minor for item in items)
    invoice = Invoice.objects.create(
        organization_id=order.organization_id,
        order=order,
        currency=order.currency,
        net_minor=net,
        tax_minor=sum(taxes),
        total_minor=net + sum(taxes),
        seller=dict(settings.SELLER),
        buyer=_snapshot(profile),
        tax_treatment=decision.treatment.value,
        tax_country=decision.country,
        tax_note=decision.note,
    )
    InvoiceLine.objects.bulk_create(
        _line(invoice, item, position, vat, decision)
        for position, (item, vat) in enumerate(zip(items, taxes, strict=True), start=1)
    )
    return invoice


def _snapshot(profile: BillingProfile) -> dict[str, str]:
    return {
        "name": profile.legal_name,
        "address": profile.address,
        "country": profile.country,
        "vat_id": profile.vat_id,
    }


def _line(
    invoice: Invoice, item: OrderItem, position: int, vat: int, decision: tax.Decision
) -> InvoiceLine:
    return InvoiceLine(
        invoice=invoice,
        organization_id=invoice.organization_id,
        position=position,
        kind=item.price.product.kind,
        description=f"{item.product_name}, {item.get_interval_display().lower()}",
        quantity=item.quantity,
        currency=invoice.currency,
        unit_amount_minor=item.unit_amount_minor,
        net_minor=item.total_minor,
        tax_minor=vat,
        tax_rate=decision.rate,
    )


@transaction.atomic
def finalise_invoice(invoice: Invoice, *, at: datetime) -> Invoice:
    """Number the draft, book what is owed, and make it a document that never changes again.

    The series' row stays locked until the transaction ends, so a rollback leaves no gap: call
    this as late in the transaction as possible.
    """
    invoice = Invoice.objects.select_for_update().get(pk=invoice.pk)
    if invoice.number is not None:
        return invoice
    invoice.number = _next_number(at)
    invoice.status = Invoice.Status.OPEN
    invoice.issued_at = invoice.due_at = at
    invoice.save(update_fields=["number", "status", "issued_at", "due_at"])
    lines = InvoiceLine.objects.for_organization(invoice.organization_id).filter(invoice=invoice)
    ledger.post(
        f"invoice:{invoice.pk}",
        kind="invoice",
        legs=invoice_legs(
            invoice.organization_id,
            invoice.currency,
            lines.values_list("kind", "net_minor"),
            (invoice.tax_country, invoice.tax_minor),
        ),
        at=at,
        reference={"invoice_id": invoice.pk, "number": invoice.number},
    )
    return invoice


def _next_number(at: datetime) -> str:
    prefix = f"{SERIES}-{at.year}-"
    with connection.cursor() as cursor:
        cursor.execute(_NEXT, [uuid7(), prefix])
        row: Any = cursor.fetchone()
    return f"{prefix}{row[0]:06d}"


@transaction.atomic
def void_draft(invoice: Invoice) -> Invoice:
    """Give up a draft; a finalised invoice is never void without a credit note."""
    invoice = Invoice.objects.select_for_update().get(pk=invoice.pk)
    if invoice.status == Invoice.Status.VOID:
        return invoice
    if invoice.status != Invoice.Status.DRAFT:
        raise OrderNotOpen
    invoice.status = Invoice.Status.VOID
    invoice.save(update_fields=["status"])
    return invoice

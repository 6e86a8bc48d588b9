"""A catalogue and invoices for the tests of pages, API and PDF."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from accounts.models import Organization
from billing.models import Invoice, InvoiceLine, Price, Product

SELLER = {
    "name": "Switchyard Operations GmbH",
    "address": "Gleisdreieck 1\n10963 Berlin",
    "country": "DE",
    "vat_id": "DE136695976",
}
BUYER = {
    "name": "Żółć Größe Ελληνικά Sp. z o.o.",
    "address": "ul. Świętokrzyska 14\n00-050 Warszawa",
    "country": "PL",
    "vat_id": "PL5260250274",
}
ISSUED = datetime(2026, 10, 5, 9, 30, tzinfo=UTC)


def a_product(slug: str = "relay-team", **changes: Any) -> Product:
    """Put a license product on the shelf, 49.00 EUR a month or 490.00 EUR a year."""
    yearly = changes.pop("yearly", 49000)
    facts = {
        "kind": "license",
        "sku": slug.upper(),
        "name": "Relay Team",
        "category": "Relay",
        "description": "Remote access for a team.",
        "features": ["25 devices", "Unattended access"],
        "grants": {"plan": "team", "max_devices": 25},
    }
    product = Product.objects.create(slug=slug, **facts | changes)
    prices = [("monthly", 4900)] + ([("yearly", yearly)] if yearly else [])
    for interval, minor in prices:
        Price.objects.create(
            product=product, interval=interval, currency="EUR", unit_amount_minor=minor
        )
    return product


def a_line(invoice: Invoice, position: int, **changes: Any) -> InvoiceLine:
    facts: dict[str, Any] = {
        "kind": "license",
        "description": "Relay Team",
        "quantity": Decimal(1),
        "currency": invoice.currency,
        "unit_amount_minor": 4900,
        "net_minor": 4900,
        "tax_minor": 931,
        "tax_rate": Decimal(19),
        "period_start": ISSUED,
        "period_end": ISSUED + timedelta(days=31),
    }
    return InvoiceLine.objects.create(
        invoice=invoice, organization=invoice.organization, position=position, **facts | changes
    )


def an_invoice(
    organization: Organization,
    *,
    number: str | None = "SW-2026-000001",
    paid: bool = True,
    lines: list[dict[str, Any]] | None = None,
    issued_at: datetime = ISSUED,
    **changes: Any,
) -> Invoice:
    """Write an invoice the way services do: a draft, its lines, its number, its payment."""
    invoice = Invoice(
        organization=organization,
        **{
            "currency": "EUR",
            "net_minor": 0,
            "tax_minor": 0,
            "total_minor": 0,
            "seller": SELLER,
            "buyer": BUYER,
            "tax_treatment": "domestic",
            "tax_country": "DE",
        }
        | changes,
    )
    invoice.save()
    made = [a_line(invoice, place, **facts) for place, facts in enumerate(lines or [{}], 1)]
    invoice.net_minor = sum(line.net_minor for line in made)
    invoice.tax_minor = sum(line.tax_minor for line in made)
    invoice.total_minor = invoice.net_minor + invoice.tax_minor
    invoice.save()
    if number is not None:
        invoice.number, invoice.status, invoice.issued_at = number, "open", issued_at
        invoice.due_at = issued_at + timedelta(days=14)
        invoice.save()
    if number is not None and paid:
        invoice.status, invoice.paid_at = "paid", issued_at
        invoice.save()
    return invoice

"""The invoices of an organization: list, one, and its document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.web.access import member_required
from billing.api.files import pdf_response
from billing.models import Invoice
from billing.web.people import country_name
from config.kit.errors import NotFound
from config.kit.lists import ListPage, Tab


class InvoiceList(ListPage):
    """All invoices with a number; the CSV holds what the filters leave."""

    template_name: ClassVar = "billing/invoice_list.html"
    file_name: ClassVar = "invoices"
    sorts: ClassVar = {
        "number": ("number", "id"),
        "issued_at": ("issued_at", "id"),
        "total": ("total_minor", "id"),
    }
    default_sort: ClassVar = "-issued_at"
    columns: ClassVar = (
        ("Number", lambda invoice: invoice.number),
        ("Issued", lambda invoice: invoice.issued_at),
        ("Due", lambda invoice: invoice.due_at),
        ("Paid", lambda invoice: invoice.paid_at),
        ("State", lambda invoice: invoice.status),
        ("Currency", lambda invoice: invoice.currency),
        ("Net", lambda invoice: invoice.net.amount),
        ("VAT", lambda invoice: invoice.tax.amount),
        ("Total", lambda invoice: invoice.total.amount),
    )

    def rows(self) -> QuerySet[Any]:
        return Invoice.objects.for_organization(self.request.organization).finalised()

    def tabs(self) -> Sequence[Tab]:
        return (
            Tab("", "All"),
            Tab("open", "Unpaid", Q(status=Invoice.Status.OPEN)),
            Tab("paid", "Paid", Q(status=Invoice.Status.PAID)),
        )

    def search(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        return rows.filter(Q(number__icontains=text) | Q(order__number__icontains=text))


invoice_list = member_required()(InvoiceList.as_view())  # type: ignore[arg-type]


def _own(request: Any, key: UUID) -> Invoice:
    rows = Invoice.objects.for_organization(request.organization).finalised()
    found: Invoice | None = rows.select_related("order").filter(pk=key).first()
    if found is None:
        raise NotFound
    return found


@require_GET
@member_required()
def invoice(request: Any, invoice_id: UUID) -> HttpResponse:
    """Lines, sums, payments."""
    found = _own(request, invoice_id)
    facts = {
        "invoice": found,
        "lines": found.lines.all(),
        "country": country_name(found.buyer.get("country", "")),
        "payments": found.transactions.filter(kind="payment", status="completed"),
    }
    return render(request, "billing/invoice.html", facts)


@require_GET
@member_required()
def pdf(request: Any, invoice_id: UUID) -> HttpResponse:
    """The document to keep."""
    return pdf_response(_own(request, invoice_id))

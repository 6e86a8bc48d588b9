"""The invoices of an organization: list, one, and its document."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views import View
from django.views.decorators.http import require_GET

from accounts.web.access import member_required
from billing.api.files import pdf_response
from billing.models import Invoice
from config.kit.errors import NotFound


class InvoiceList(View):
    pass


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
        "payments": found.transactions.filter(kind="payment", status="completed"),
    }
    return render(request, "billing/invoice.html", facts)


@require_GET
@member_required()
def pdf(request: Any, invoice_id: UUID) -> HttpResponse:
    """The document to keep."""
    return pdf_response(_own(request, invoice_id))

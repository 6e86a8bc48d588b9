"""The PDF of an invoice: one set of bytes, whoever makes it, whatever is written in it."""

from __future__ import annotations

import hashlib
import time
from typing import Any

import pytest

from accounts.models import Organization
from billing.models import Invoice, InvoiceDocument
from billing.services import documents
from tests.integration.billing.web.shelf import ISSUED, a_line, an_invoice


@pytest.fixture
def invoice(organization: Organization) -> Invoice:
    return an_invoice(organization)


def test_a_second_rendering_has_the_same_bytes(invoice: Invoice) -> None:
    first = documents.compose(invoice)
    second = documents.compose(Invoice.objects.get(pk=invoice.pk))

    assert first == second
    assert first.startswith(b"%PDF-")


def test_the_document_is_kept_once_with_its_hash(invoice: Invoice) -> None:
    document = documents.render_invoice(invoice)
    again = documents.render_invoice(invoice)

    assert again.pk == document.pk
    assert document.sha256 == hashlib.sha256(document.pdf).hexdigest()
    assert document.organization_id == invoice.organization_id
    assert InvoiceDocument.objects.count() == 1


def test_a_download_before_the_worker_came_has_the_bytes_the_worker_will_keep(
    invoice: Invoice,
) -> None:
    early = documents.download_invoice(invoice)
    kept = documents.render_invoice(invoice)
    late = documents.download_invoice(invoice)

    assert early.pdf == bytes(kept.pdf) == late.pdf
    assert early.sha256 == kept.sha256
    assert early.file_name == "invoice-SW-2026-000001.pdf"


def test_it_is_archivable_and_accessible_in_polish_greek_and_german(invoice: Invoice) -> None:
    pdf = documents.compose(invoice)

    assert b"<pdfaid:part>3</pdfaid:part>" in pdf
    assert b"<pdfuaid:part>1</pdfuaid:part>" in pdf
    assert b"Invoice SW-2026-000001" in pdf


def test_a_payment_after_the_issue_does_not_change_the_document(organization: Organization) -> None:
    invoice = an_invoice(organization, paid=False)
    unpaid = documents.compose(invoice)
    invoice.status, invoice.paid_at = "paid", ISSUED.replace(day=9)
    invoice.save()

    assert documents.compose(invoice) == unpaid


def test_a_payment_at_the_issue_is_part_of_the_document(organization: Organization) -> None:
    paid = an_invoice(organization, number="SW-2026-000001")
    unpaid = an_invoice(organization, number="SW-2026-000002", paid=False)

    assert documents._state(paid, ISSUED)["text"] == "Paid on 5 October 2026"
    assert documents._state(unpaid, ISSUED)["text"] == "Please pay by 19 October 2026"


@pytest.mark.parametrize(
    "text",
    [
        '#eval("1 + 1") *bold* _it_ $x^2$ <label> @reference `raw` // comment',
        "]#panic()[",
        "\\ \" ' & < > %",
        "株式会社 🚀",
        "tab\tand bell\x07 and zero-width\u200b and \u202eright to left",
        "x" * 300,
        "",
    ],
)
def test_text_is_text_and_never_markup(organization: Organization, text: str) -> None:
    invoice = an_invoice(
        organization,
        lines=[{"description": text}],
        buyer={"name": text, "address": f"{text}\n{text}", "country": "DE", "vat_id": text},
        tax_note=text,
    )

    assert documents.compose(invoice).startswith(b"%PDF-")


def test_a_party_without_details_is_no_error(organization: Organization) -> None:
    assert documents.compose(an_invoice(organization, buyer={}, seller={"name": None}))


def test_vat_is_summed_per_rate(organization: Organization) -> None:
    invoice = an_invoice(
        organization,
        lines=[
            {"net_minor": 1000, "tax_minor": 190},
            {"net_minor": 2000, "tax_minor": 380},
            {"net_minor": 100, "tax_minor": 7, "tax_rate": 7},
        ],
    )

    content = documents._content(invoice, ISSUED)

    assert content["sums"] == [
        ("Net amount", "€31.00"),
        ("VAT 19% on €30.00", "€5.70"),
        ("VAT 7% on €1.00", "€0.07"),
    ]
    assert content["total"] == "€36.77"


def test_a_draft_is_no_document(organization: Organization) -> None:
    draft = an_invoice(organization, number=None)

    with pytest.raises(documents.InvoiceNotFinal):
        documents.render_invoice(draft)


def test_a_thousand_lines_take_less_than_five_seconds(organization: Organization) -> None:
    invoice = an_invoice(organization, number=None)
    lines = [a_line(invoice, place) for place in range(2, 1001)]
    invoice.number, invoice.issued_at = "SW-2026-000009", ISSUED
    invoice.net_minor, invoice.tax_minor = 4900 * 1000, 931 * 1000
    invoice.total_minor = invoice.net_minor + invoice.tax_minor
    assert len(lines) == 999

    started = time.monotonic()
    pdf: Any = documents.compose(invoice)

    assert time.monotonic() - started < 5
    assert pdf.startswith(b"%PDF-")

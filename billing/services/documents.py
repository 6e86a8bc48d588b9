"""The PDF of an invoice: the same bytes whenever and wherever it is made."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import structlog
import typst
from babel import Locale
from babel.dates import format_date
from babel.numbers import format_decimal
from django.utils import timezone

from accounts.services import audit
from billing.models import Invoice, InvoiceDocument, InvoiceLine
from config.kit.errors import Conflict
from config.kit.money import Money

logger = structlog.get_logger(__name__)

_TEMPLATE = Path(__file__).resolve().parent.parent / "documents" / "invoice.typ"
# For archives (PDF/A-3) and for screen readers (PDF/UA).
_STANDARDS: list[Any] = ["a-3a", "ua-1"]
_WORDS = {
    "heading": "Invoice",
    "buyer": "Billed to",
    "seller": "From",
    "vat_id": "VAT ID",
    "columns": ["Description", "Quantity", "Unit price", "VAT", "Net amount"],
    "total": "Total",
    "page": "Page",
    "of": "of",
}


class InvoiceNotFinal(Conflict):
    code = "invoice_not_final"
    message = "This invoice is still a draft. It becomes a document when it gets its number."


@dataclass(frozen=True, slots=True)
class Download:
    """A PDF to hand out, and the name to save it under."""

    pdf: bytes
    sha256: str
    file_name: str


def render_invoice(invoice: Invoice) -> InvoiceDocument:
    """Make and keep the document of a finalised invoice; repeating returns the kept one.

    For workers: the web process may not write documents.
    """
    kept: InvoiceDocument | None = InvoiceDocument.objects.filter(invoice=invoice).first()
    if kept is not None:
        return kept
    pdf = compose(invoice)
    document: InvoiceDocument
    document, created = InvoiceDocument.objects.get_or_create(
        invoice=invoice,
        defaults={
            "organization_id": invoice.organization_id,
            "sha256": hashlib.sha256(pdf).hexdigest(),
            "pdf": pdf,
            "rendered_at": timezone.now(),
        },
    )
    if created:
        logger.info("invoice.rendered", invoice_id=str(invoice.pk))
    return document


def download_invoice(invoice: Invoice) -> Download:
    """Return the kept document, or the same bytes made now; either way it is on the trail."""
    kept: InvoiceDocument | None = InvoiceDocument.objects.filter(invoice=invoice).first()
    pdf = bytes(kept.pdf) if kept is not None else compose(invoice)
    sha256 = kept.sha256 if kept is not None else hashlib.sha256(pdf).hexdigest()
    audit.record("invoice.downloaded", invoice, sha256=sha256)
    return Download(pdf, sha256, f"invoice-{invoice.number}.pdf")


def compose(invoice: Invoice) -> bytes:
    """Typeset the invoice. Only frozen columns are read, so the bytes never change.

    A letter that no font on board has (Chinese, an emoji) is shown as a box: the archive
    standard forbids that, so such an invoice is an ordinary PDF.
    """
    if invoice.number is None or invoice.issued_at is None:
        raise InvoiceNotFinal
    text = orjson.dumps(_content(invoice, invoice.issued_at)).decode()
    try:
        return _typeset(text, invoice.issued_at, _STANDARDS)
    except typst.TypstError:
        logger.warning("invoice.not_archivable", invoice_id=str(invoice.pk))
        return _typeset(text, invoice.issued_at, [])


def _typeset(text: str, made_at: datetime, standards: list[Any]) -> bytes:
    compiler = typst.Compiler(
        _TEMPLATE, root=_TEMPLATE.parent, ignore_system_fonts=True, sys_inputs={"invoice": text}
    )
    pdf = compiler.compile(
        format="pdf", pdf_standards=standards, timestamp=int(made_at.timestamp())
    )
    assert isinstance(pdf, bytes), "one document, not pages"
    return pdf


def _content(invoice: Invoice, issued_at: datetime) -> dict[str, Any]:
    lines = list(invoice.lines.all())
    issued = issued_at.astimezone(UTC)
    return {
        "words": _WORDS,
        "title": f"Invoice {invoice.number}",
        "date": {"year": issued.year, "month": issued.month, "day": issued.day},
        "seller": _party(invoice.seller),
        "buyer": _party(invoice.buyer),
        "facts": _facts(invoice, issued_at),
        "state": _state(invoice, issued_at),
        "lines": [_line(line) for line in lines],
        "sums": _sums(invoice, lines),
        "total": str(invoice.total),
        "notes": [clean for clean in [_clean(invoice.tax_note)] if clean],
        "imprint": _imprint(invoice.seller),
    }


def _party(party: dict[str, Any]) -> dict[str, str]:
    address = _clean(party.get("address") or "")
    country = _country(party.get("country") or "")
    named = country and address.rpartition("\n")[2].casefold().endswith(country.casefold())
    return {
        "name": _clean(party.get("legal_name") or party.get("name") or ""),
        "address": address,
        "country": "" if named else country,
        "vat_id": _clean(party.get("vat_id") or ""),
    }


def _country(code: str) -> str:
    return str(Locale("en").territories.get(code, code))


def _facts(invoice: Invoice, issued_at: datetime) -> list[tuple[str, str]]:
    facts = [
        ("Invoice number", _clean(invoice.number or "")),
        ("Invoice date", _day(issued_at)),
    ]
    if invoice.order is not None:
        facts.append(("Order", _clean(invoice.order.number)))
    if invoice.due_at is not None and not _settled_at_issue(invoice, issued_at):
        facts.append(("Due date", _day(invoice.due_at)))
    return facts


def _settled_at_issue(invoice: Invoice, issued_at: datetime) -> bool:
    """Payment in the moment of issue is part of the document; a later one is not."""
    return invoice.paid_at is not None and invoice.paid_at <= issued_at


def _state(invoice: Invoice, issued_at: datetime) -> dict[str, str]:
    if _settled_at_issue(invoice, issued_at):
        return {"tone": "paid", "text": f"Paid on {_day(issued_at)}"}
    if invoice.due_at is not None:
        return {"tone": "due", "text": f"Please pay by {_day(invoice.due_at)}"}
    return {"tone": "due", "text": "Payable now"}


def _line(line: InvoiceLine) -> dict[str, str]:
    period = ""
    if line.period_start is not None and line.period_end is not None:
        period = f"{_day(line.period_start)} to {_day(line.period_end)}"
    return {
        "description": _clean(line.description),
        "period": period,
        "quantity": format_decimal(line.quantity, format="#,##0.######", locale="en"),
        "unit_amount": str(line.unit_amount),
        "tax_rate": _percent(line),
        "net": str(line.net),
    }


def _sums(invoice: Invoice, lines: list[InvoiceLine]) -> list[tuple[str, str]]:
    """The net amount, then VAT per rate with the amount it is on."""
    per_rate: dict[str, tuple[Money, Money]] = {}
    nothing = Money(0, invoice.currency)
    for line in sorted(lines, key=lambda line: line.tax_rate, reverse=True):
        net, tax = per_rate.get(_percent(line), (nothing, nothing))
        per_rate[_percent(line)] = (net + line.net, tax + line.tax)
    vat = [(f"VAT {rate} on {net}", str(tax)) for rate, (net, tax) in per_rate.items()]
    return [("Net amount", str(invoice.net)), *vat]


def _imprint(seller: dict[str, Any]) -> str:
    party = _party(seller)
    parts = [party["name"], *party["address"].splitlines(), party["country"]]
    if party["vat_id"]:
        parts.append(f"VAT ID {party['vat_id']}")
    return " · ".join(part.strip() for part in parts if part.strip())


def _percent(line: InvoiceLine) -> str:
    return f"{format_decimal(line.tax_rate, format='0.###', locale='en')}%"


def _day(moment: datetime) -> str:
    return format_date(moment.astimezone(UTC).date(), "d MMMM yyyy", locale="en")


def _clean(text: str) -> str:
    """Drop control characters: they have no shape, and archives refuse them."""
    spaced = (" " if letter.isspace() and letter != "\n" else letter for letter in text)
    return "".join(letter for letter in spaced if letter == "\n" or letter.isprintable()).strip()

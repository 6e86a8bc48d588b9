"""Documents as downloads, for the API and the pages alike."""

from __future__ import annotations

from django.http import HttpResponse

from billing.models import Invoice
from billing.services.documents import download_invoice


def pdf_response(invoice: Invoice) -> HttpResponse:
    """Hand the document out as a file to keep; the download is on the trail."""
    document = download_invoice(invoice)
    return HttpResponse(
        document.pdf,
        content_type="application/pdf",
        headers={
            "Content-Disposition": f'attachment; filename="{document.file_name}"',
            "X-Content-Type-Options": "nosniff",
            "ETag": f'"{document.sha256}"',
        },
    )

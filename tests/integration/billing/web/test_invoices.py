"""The list of invoices, one invoice, its PDF; and that no stranger ever sees them."""

from __future__ import annotations

import csv
import hashlib
import io
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from accounts.models import AuditLog
from billing.models import Invoice
from billing.services.documents import compose, render_invoice
from tests.factories.billing import order_of
from tests.integration.billing.web.shelf import ISSUED, an_invoice

LIST = "/billing/invoices/"


@pytest.fixture
def invoices(people: Any) -> list[Invoice]:
    """Thirty, of which every third is unpaid; the newest has the highest number."""
    return [
        an_invoice(
            people.organization,
            number=f"SW-2026-{number:06d}",
            paid=number % 3 != 0,
            issued_at=ISSUED + timedelta(days=number),
            lines=[{"net_minor": 1000 * number, "tax_minor": 190 * number}],
        )
        for number in range(1, 31)
    ]


def numbers(page: Any) -> list[str]:
    return [invoice.number for invoice in page.context["page"]]


def rows_of(answer: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


def test_the_newest_come_first_and_tabs_count(alice: Any, invoices: list[Invoice]) -> None:
    page = alice.get(LIST)

    assert numbers(page)[0] == "SW-2026-000030"
    assert len(numbers(page)) == 25
    assert [(tab.label, tab.count) for tab in page.context["tabs"]] == [
        ("All", 30), ("Unpaid", 10), ("Paid", 20),
    ]  # fmt: skip


def test_tabs_search_sort_and_pages_are_in_the_address(alice: Any, invoices: list[Invoice]) -> None:
    assert len(numbers(alice.get(LIST, {"status": "open"}))) == 10
    assert numbers(alice.get(LIST, {"q": "000007"})) == ["SW-2026-000007"]
    assert numbers(alice.get(LIST, {"sort": "total"}))[0] == "SW-2026-000001"
    assert numbers(alice.get(LIST, {"page": "2"}))[-1] == "SW-2026-000001"


@pytest.mark.parametrize(
    "query",
    [{"sort": "seller"}, {"page": "x"}, {"page": "-1"}, {"status": "no"}, {"q": "\x00%_'"}],
)
def test_nonsense_in_the_address_is_no_error(
    alice: Any, invoices: list[Invoice], query: dict[str, str]
) -> None:
    assert alice.get(LIST, query).status_code == 200


def test_the_csv_is_the_filtered_list(alice: Any, invoices: list[Invoice]) -> None:
    query = {"status": "open", "sort": "number"}
    answer = alice.get(LIST, {**query, "export": "csv"})

    rows = rows_of(answer)
    assert answer["Content-Type"].startswith("text/csv")
    assert [row["Number"] for row in rows] == numbers(alice.get(LIST, query))
    assert rows[0]["Total"] == "35.70"


def test_a_first_visit_is_told_what_invoices_are(alice: Any) -> None:
    assert "No invoices yet" in alice.get(LIST).content.decode()


def test_a_search_without_a_hit_can_be_cleared(alice: Any, invoices: list[Invoice]) -> None:
    page = alice.get(LIST, {"q": "zzz"}).content.decode()

    assert "No invoice matches" in page
    assert "Clear filters" in page


def test_a_draft_is_not_shown(alice: Any, people: Any) -> None:
    order_of(people.organization)
    draft = Invoice.objects.get()

    assert numbers(alice.get(LIST)) == []
    assert alice.get(f"{LIST}{draft.pk}/").status_code == 404
    assert alice.get(f"{LIST}{draft.pk}/pdf/").status_code == 404


def test_an_invoice_shows_lines_sums_and_state(alice: Any, organization: Any) -> None:
    invoice = an_invoice(organization, tax_note="A note.")

    page = alice.get(f"{LIST}{invoice.pk}/").content.decode()

    for text in ("SW-2026-000001", "Relay Team", "€49.00", "19%", "€9.31", "€58.31", "Paid"):
        assert text in page
    assert "Świętokrzyska" in page
    assert "A note." in page


def test_the_pdf_is_a_file_and_on_the_trail(alice: Any, people: Any) -> None:
    invoice = an_invoice(people.organization)

    answer = alice.get(f"{LIST}{invoice.pk}/pdf/")

    assert answer.content == compose(invoice)
    assert answer["Content-Type"] == "application/pdf"
    assert answer["Content-Disposition"] == 'attachment; filename="invoice-SW-2026-000001.pdf"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    entry = AuditLog.objects.get(action="invoice.downloaded")
    assert entry.organization_id == people.organization.pk
    assert str(entry.actor_id) == str(people.alice.pk)


def test_the_kept_pdf_is_the_one_that_is_served(alice: Any, organization: Any) -> None:
    invoice = an_invoice(organization)
    kept = render_invoice(invoice)

    answer = alice.get(f"{LIST}{invoice.pk}/pdf/")

    assert hashlib.sha256(answer.content).hexdigest() == kept.sha256


@pytest.mark.parametrize("path", ["", "pdf/"])
def test_members_see_it_strangers_do_not_and_nobody_must_log_in(
    bob: Any, charlie: Any, nobody: Any, organization: Any, path: str
) -> None:
    address = f"{LIST}{an_invoice(organization).pk}/{path}"

    assert bob.get(address).status_code == 200
    assert charlie.get(address).status_code == 404
    assert charlie.get(f"{LIST}{uuid4()}/{path}").status_code == 404
    assert nobody.get(address).status_code == 302


def test_a_stranger_has_a_list_of_their_own(charlie: Any, invoices: list[Invoice]) -> None:
    page = charlie.get(LIST)

    assert numbers(page) == []
    assert "SW-2026" not in page.content.decode()
    assert rows_of(charlie.get(LIST, {"export": "csv"})) == []


def test_the_list_asks_the_same_number_of_queries_for_one_and_for_many(
    alice: Any, invoices: list[Invoice], django_assert_num_queries: Any
) -> None:
    alice.get(LIST)
    with django_assert_num_queries(9):
        alice.get(LIST)
    with django_assert_num_queries(9):
        alice.get(LIST, {"q": "000007"})

"""What the database itself refuses of billing: changed documents, overlaps, the app role's reach."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction

from accounts.models import Organization
from billing.models import (
    BillingPeriod,
    Invoice,
    InvoiceDocument,
    InvoiceLine,
    PaymentAttempt,
    SavedCard,
    Subscription,
    Transaction,
)
from billing.services.settlement import settle
from config.kit import context
from tests.conftest import People, behind_the_wall
from tests.factories.billing import AT, attempt_of, card_of, order_of, paid, profile_of


@pytest.fixture
def invoice(organization: Organization) -> Invoice:
    """A paid invoice with a subscription."""
    profile_of(organization)
    attempt = attempt_of(order_of(organization))
    settle(attempt, paid(attempt), at=AT)
    return Invoice.objects.get(pk=attempt.invoice_id)


def refused(sql: str, *params: Any, match: str = "") -> None:
    with (
        pytest.raises((IntegrityError, ProgrammingError), match=match),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql, params)


CHANGES_OF_A_DOCUMENT = [
    "total_minor = total_minor + 1, net_minor = net_minor + 1",
    "number = 'SY-2026-999999'",
    "number = NULL, status = 'draft', issued_at = NULL, paid_at = NULL",
    "buyer = '{}'",
    "issued_at = now()",
    "paid_at = now()",
    "status = 'open', paid_at = NULL",
    "status = 'void', paid_at = NULL",
    "tax_note = 'other'",
    "currency = 'USD'",
]


def test_a_paid_invoice_never_changes(invoice: Invoice) -> None:
    for change in CHANGES_OF_A_DOCUMENT:
        refused(f"UPDATE billing_invoice SET {change} WHERE id = %s", invoice.pk, match="is final")


def test_a_paid_invoice_and_its_lines_stay(invoice: Invoice) -> None:
    refused("DELETE FROM billing_invoiceline WHERE invoice_id = %s", invoice.pk, match="refused")
    refused("UPDATE billing_invoiceline SET net_minor = 1", match="refused")
    refused("DELETE FROM billing_transaction", match="append-only")
    refused("UPDATE billing_transaction SET amount_minor = 1", match="frozen")
    with connection.cursor() as cursor:
        # PostgreSQL truncates nothing while constraints still wait for the commit.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    for table in ("billing_invoice", "billing_invoiceline", "billing_transaction"):
        refused(f"TRUNCATE {table} CASCADE", match="append-only")
    with pytest.raises(IntegrityError, match="refused"), transaction.atomic():
        InvoiceLine.objects.create(
            invoice=invoice,
            organization_id=invoice.organization_id,
            position=2,
            kind="license",
            description="late",
            quantity=1,
            currency="EUR",
            unit_amount_minor=1,
            net_minor=1,
            tax_minor=0,
            tax_rate=0,
        )


def test_a_document_stays_as_it_was_made(invoice: Invoice) -> None:
    InvoiceDocument.objects.create(
        invoice=invoice,
        organization_id=invoice.organization_id,
        sha256="0" * 64,
        pdf=b"%PDF",
        rendered_at=AT,
    )
    refused("UPDATE billing_invoicedocument SET pdf = 'x'", match="append-only")
    refused("DELETE FROM billing_invoicedocument", match="append-only")


def test_an_invoice_is_the_sum_of_its_lines_before_it_gets_a_number(
    organization: Organization,
) -> None:
    draft = Invoice.objects.get(order=order_of(organization))
    refused(
        "UPDATE billing_invoice SET number = 'X-1', status = 'open', issued_at = now(),"
        " net_minor = net_minor + 1, total_minor = total_minor + 1 WHERE id = %s",
        draft.pk,
        match="sum of its lines",
    )
    refused("UPDATE billing_invoice SET total_minor = 1 WHERE id = %s", draft.pk, match="total")
    refused(
        "UPDATE billing_invoice SET status = 'paid', paid_at = now() WHERE id = %s",
        draft.pk,
        match="numbered",
    )


def test_periods_of_a_subscription_never_overlap(invoice: Invoice) -> None:
    subscription = Subscription.objects.get()
    for shift, days in ((0, 30), (1, 1), (-1, 3), (5, 2), (29, 5), (-10, 100)):
        start = AT + timedelta(days=shift)
        with pytest.raises(IntegrityError, match="billing_period"), transaction.atomic():
            BillingPeriod.objects.create(
                subscription=subscription,
                organization_id=subscription.organization_id,
                starts_at=start,
                ends_at=start + timedelta(days=days),
            )


def test_adjacent_periods_and_those_of_other_subscriptions_are_accepted(
    invoice: Invoice, organization: Organization
) -> None:
    first = BillingPeriod.objects.get()
    BillingPeriod.objects.create(
        subscription=first.subscription,
        organization_id=first.organization_id,
        starts_at=first.ends_at,
        ends_at=first.ends_at + timedelta(days=30),
    )
    attempt = attempt_of(order_of(organization))
    settle(attempt, paid(attempt), at=AT)
    assert BillingPeriod.objects.filter(starts_at=AT).count() == 2


def test_a_period_goes_forward(invoice: Invoice) -> None:
    subscription = Subscription.objects.get()
    start = datetime(2030, 1, 1, tzinfo=UTC)
    for end in (start, start - timedelta(days=1)):
        with pytest.raises(IntegrityError), transaction.atomic():
            BillingPeriod.objects.create(
                subscription=subscription,
                organization_id=subscription.organization_id,
                starts_at=start,
                ends_at=end,
            )


CHANGES_OF_AN_ATTEMPT = [
    "params = '{}'",
    "amount_minor = 1",
    "currency = 'USD'",
    "idempotency_key = 'another'",
    "payment_intent_id = 'pi_another'",
    "status = 'failed'",
]


def test_an_attempt_is_repeated_in_the_same_words(invoice: Invoice) -> None:
    for change in CHANGES_OF_AN_ATTEMPT:
        refused(f"UPDATE billing_paymentattempt SET {change}", match="frozen")


def test_an_invoice_has_one_live_attempt(organization: Organization) -> None:
    attempt = attempt_of(order_of(organization))
    with pytest.raises(IntegrityError, match="one_live"), transaction.atomic():
        PaymentAttempt.objects.create(
            invoice=attempt.invoice,
            organization=organization,
            number=2,
            method="hosted",
            amount_minor=1,
            currency="EUR",
            idempotency_key="k",
        )


def test_an_attempt_in_hand_has_a_lease(organization: Organization) -> None:
    attempt_of(order_of(organization))
    refused("UPDATE billing_paymentattempt SET status = 'sending'", match="lease")


def test_a_customer_has_one_default_card(organization: Organization) -> None:
    for name in ("pm_1", "pm_2"):
        card_of(organization, name)
    with pytest.raises(IntegrityError, match="one_default"), transaction.atomic():
        SavedCard.objects.update(is_default=True)


BEYOND_THE_WEB_PROCESS = [
    "INSERT INTO billing_billingperiod SELECT * FROM billing_billingperiod",
    "INSERT INTO billing_transaction SELECT * FROM billing_transaction",
    "INSERT INTO billing_subscription SELECT * FROM billing_subscription",
    "UPDATE billing_price SET unit_amount_minor = 1",
    "UPDATE billing_product SET is_active = true",
    "UPDATE billing_invoice SET number = 'X'",
    "UPDATE billing_invoice SET total_minor = 0",
    "UPDATE billing_invoiceline SET net_minor = 0",
    "UPDATE billing_orderitem SET total_minor = 0",
    "UPDATE billing_order SET status = 'completed', completed_at = now()",
    "UPDATE billing_paymentattempt SET payment_intent_id = 'pi_1'",
    "UPDATE billing_paymentattempt SET amount_minor = 1",
    "UPDATE billing_subscription SET current_period_end = now()",
    "UPDATE billing_subscription SET status = 'active'",
    "UPDATE billing_transaction SET status = 'refunded'",
    "DELETE FROM billing_invoice",
    "DELETE FROM billing_order",
    "DELETE FROM billing_subscription",
    "DELETE FROM billing_billingprofile",
    "SELECT * FROM billing_stripeevent",
    "UPDATE billing_stripeevent SET handled_at = now()",
    "SELECT * FROM billing_invoiceseries",
    "SELECT * FROM billing_ledgerentry",
    "INSERT INTO billing_ledgertransaction (key, kind, reference) VALUES ('a', 'b', '{}')",
    "TRUNCATE billing_order CASCADE",
]


def test_the_web_process_cannot_say_that_money_came(
    invoice: Invoice, organization: Organization
) -> None:
    with behind_the_wall(), context.acting(organization_id=organization.pk):
        for statement in BEYOND_THE_WEB_PROCESS:
            refused(statement, match="permission denied")


def test_the_web_process_cannot_write_a_line_into_another_customers_draft(
    people: People,
) -> None:
    theirs = Invoice.objects.get(order=order_of(people.other))
    with (
        behind_the_wall(),
        context.acting(organization_id=people.organization.pk),
        pytest.raises(IntegrityError, match="not a draft of this customer"),
        transaction.atomic(),
    ):
        InvoiceLine.objects.create(
            invoice_id=theirs.pk,
            organization=people.organization,
            position=9,
            kind="license",
            description="yours",
            quantity=1,
            currency="EUR",
            unit_amount_minor=1,
            net_minor=1,
            tax_minor=0,
            tax_rate=0,
        )


def test_a_transaction_names_its_payment_once(invoice: Invoice) -> None:
    row = Transaction.objects.get()
    with pytest.raises(IntegrityError, match="provider"), transaction.atomic():
        Transaction.objects.create(
            organization_id=row.organization_id,
            kind="payment",
            amount_minor=1,
            currency="EUR",
            provider_id=row.provider_id,
        )

"""Settlement: a payment is booked once, whoever brings the news, and only when it is ours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections
from django.db.models import Sum

from accounts.models import Organization
from billing import events
from billing.gateways.types import PaymentStatus
from billing.models import (
    BillingPeriod,
    Invoice,
    LedgerAccount,
    LedgerEntry,
    LedgerTransaction,
    PaymentAttempt,
    Subscription,
    Transaction,
)
from billing.services import attempts
from billing.services.orders import cancel_order, pay_again
from billing.services.settlement import Result, record_outcome
from tests.conftest import People, make_people
from tests.factories.billing import AT, PriceFactory, attempt_of, order_of, paid, profile_of


def settle(attempt: PaymentAttempt, **changes: Any) -> Result:
    result = record_outcome(attempt, paid(attempt, **changes), at=AT)
    attempt.refresh_from_db()
    return result


@pytest.fixture
def attempt(organization: Organization) -> PaymentAttempt:
    profile_of(organization)
    return attempt_of(order_of(organization))


def balances() -> dict[str, int]:
    rows = LedgerEntry.objects.values_list("account__code").annotate(sum=Sum("amount_minor"))
    return {code.replace(str(Organization.objects.first().pk), "us"): sum for code, sum in rows}


def test_a_payment_is_booked_to_revenue_vat_and_clearing(attempt: PaymentAttempt) -> None:
    assert settle(attempt) is Result.SETTLED
    booked = {code: amount for code, amount in balances().items() if "receivable" not in code}
    assert booked == {
        "revenue:license:EUR": -4900,
        "vat_payable:DE:EUR": -931,
        "stripe_clearing:EUR": 5831,
    }
    owner = attempt.organization_id
    receivable = LedgerAccount.objects.get(organization_id=owner)
    assert receivable.code == f"receivable:{owner}:EUR"
    assert receivable.entries.aggregate(sum=Sum("amount_minor"))["sum"] == 0


def test_a_payment_completes_the_order_and_starts_the_subscription(
    people: People,
) -> None:
    people.alice.time_zone = "Europe/Berlin"
    people.alice.save()
    attempt = attempt_of(order_of(people.organization, quantity=3, placed_by=people.alice))
    settle(attempt)
    invoice = Invoice.objects.get()
    subscription = Subscription.objects.get()
    period = BillingPeriod.objects.get()
    assert (attempt.status, invoice.status, invoice.order.status) == (
        "succeeded", "paid", "completed",
    )  # fmt: skip
    assert (subscription.status, subscription.quantity) == ("active", 3)
    assert (subscription.anchor_at, subscription.time_zone) == (AT, "Europe/Berlin")
    assert (period.starts_at, period.invoice) == (AT, invoice)
    assert period.ends_at == subscription.current_period_end == subscription.next_run_at
    assert (period.ends_at.month, period.ends_at.day) == (4, 30)
    assert invoice.lines.get().subscription == subscription
    assert invoice.lines.get().period_end == period.ends_at


def test_a_payment_is_a_transaction_that_the_customer_sees(attempt: PaymentAttempt) -> None:
    settle(attempt)
    row = Transaction.objects.get()
    assert (row.kind, row.status, row.amount_minor) == ("payment", "completed", 5831)
    assert (row.method, row.provider, row.invoice_id) == ("visa 4242", "stripe", attempt.invoice_id)
    assert row.subscription == Subscription.objects.get()


def test_a_one_off_purchase_starts_no_subscription(organization: Organization) -> None:
    attempt = attempt_of(order_of(organization, price=PriceFactory.create(interval="one_off")))
    assert settle(attempt) is Result.SETTLED
    assert not Subscription.objects.exists()
    assert Invoice.objects.get().status == "paid"


def test_what_happened_is_announced_once(attempt: PaymentAttempt) -> None:
    heard: list[Any] = []

    def on_subscription(subscription: Subscription, **_: Any) -> None:
        heard.append(subscription.status)

    def on_invoice(invoice: Invoice, **_: Any) -> None:
        heard.append(invoice.status)

    events.subscription_activated.connect(on_subscription)
    events.invoice_paid.connect(on_invoice)
    try:
        settle(attempt)
        settle(attempt)
    finally:
        events.subscription_activated.disconnect(on_subscription)
        events.invoice_paid.disconnect(on_invoice)
    assert heard == ["active", "paid"]


def test_a_receiver_that_refuses_undoes_the_settlement(attempt: PaymentAttempt) -> None:
    def refuse(**_: Any) -> None:
        raise RuntimeError("not now")

    events.invoice_paid.connect(refuse)
    try:
        with pytest.raises(RuntimeError, match="not now"):
            settle(attempt)
    finally:
        events.invoice_paid.disconnect(refuse)
    attempt.refresh_from_db()
    assert attempt.status == "requested"
    assert not LedgerTransaction.objects.exists()
    assert settle(attempt) is Result.SETTLED
    assert Invoice.objects.get().number.endswith("-000001")


def test_the_same_news_twice_is_settled_once(attempt: PaymentAttempt) -> None:
    assert [settle(attempt), settle(attempt)] == [Result.SETTLED, Result.ALREADY_SETTLED]
    assert LedgerTransaction.objects.count() == 2


@pytest.mark.parametrize(
    "changes", [{"received_minor": 5830}, {"received_minor": 5832}, {"currency": "USD"}]
)
def test_another_amount_is_left_to_staff(attempt: PaymentAttempt, changes: dict[str, Any]) -> None:
    result = settle(attempt, **changes)
    assert result is Result.AMOUNT_DIFFERS
    assert result.needs_staff
    assert (attempt.status, attempt.lease_until) == ("unknown", None)
    assert "amount_differs" in attempt.failure
    assert not LedgerTransaction.objects.exists()
    assert Invoice.objects.get().status == "draft"
    assert attempts.request_payment(attempt.invoice, method="hosted") == attempt


def test_a_second_payment_of_the_same_attempt_is_left_to_staff(attempt: PaymentAttempt) -> None:
    settle(attempt)
    assert settle(attempt, id="pi_other") is Result.OTHER_PAYMENT
    assert attempt.status == "succeeded"
    assert LedgerTransaction.objects.count() == 2


def test_a_payment_of_a_cancelled_order_is_left_to_staff(attempt: PaymentAttempt) -> None:
    cancel_order(attempt.invoice.order, at=AT)
    assert settle(attempt) is Result.NOT_PAYABLE
    assert attempt.status == "cancelled"
    assert not LedgerTransaction.objects.exists()


def test_a_late_payment_of_an_ended_attempt_is_taken_unless_another_is_live(
    organization: Organization,
) -> None:
    for paid_again in (False, True):
        order = order_of(organization)
        late = attempt_of(order)
        attempts.end(late, status="cancelled", reason="page_expired")
        if paid_again:
            pay_again(order, method="hosted")
        assert settle(late) is (Result.NOT_PAYABLE if paid_again else Result.SETTLED)


@pytest.mark.parametrize(
    ("method", "said", "becomes"),
    [
        ("hosted", PaymentStatus.FAILED, "requested"),
        ("hosted", PaymentStatus.CANCELED, "cancelled"),
        ("hosted", PaymentStatus.PROCESSING, "unknown"),
        ("hosted", PaymentStatus.REQUIRES_ACTION, "requested"),
        ("hosted", PaymentStatus.REQUIRES_CONFIRMATION, "requested"),
    ],
)
def test_what_is_not_yet_paid_moves_the_attempt_and_no_money(
    attempt: PaymentAttempt, method: str, said: PaymentStatus, becomes: str
) -> None:
    assert settle(attempt, status=said, received_minor=0) is Result.NOTED
    assert attempt.status == becomes
    assert not LedgerTransaction.objects.exists()


def test_news_that_are_old_do_not_undo_a_payment(attempt: PaymentAttempt) -> None:
    settle(attempt)
    for said in (PaymentStatus.FAILED, PaymentStatus.PROCESSING, PaymentStatus.CANCELED):
        settle(attempt, status=said, received_minor=0)
        assert attempt.status == "succeeded"


def in_threads(work: list[Callable[[], Any]], size: int = 8) -> list[Any]:
    def run(one: Callable[[], Any]) -> Any:
        try:
            return one()
        except RuntimeError as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(run, work))


@pytest.mark.usefixtures("live_database")
def test_eight_workers_with_the_same_news_settle_once() -> None:
    people = make_people()
    tries = [attempt_of(order_of(people.organization)) for _ in range(4)]
    work = [
        lambda attempt=attempt: record_outcome(attempt, paid(attempt), at=AT)
        for attempt in tries
        for _ in range(8)
    ]
    assert Counter(in_threads(work)) == {Result.SETTLED: 4, Result.ALREADY_SETTLED: 28}
    assert Transaction.objects.count() == Subscription.objects.count() == 4
    assert LedgerTransaction.objects.count() == 8


@pytest.mark.usefixtures("live_database")
def test_numbers_have_no_gap_although_settlements_race_and_some_are_undone() -> None:
    people = make_people()
    tries = [attempt_of(order_of(people.organization)) for _ in range(40)]
    undone = {attempt.invoice_id for attempt in tries[::5]}

    def refuse(invoice: Invoice, **_: Any) -> None:
        if invoice.pk in undone:
            raise RuntimeError("rolled back after its number was taken")

    events.invoice_paid.connect(refuse)
    try:
        work = [
            lambda attempt=attempt: record_outcome(attempt, paid(attempt), at=AT)
            for attempt in tries
        ]
        results = in_threads(work)
    finally:
        events.invoice_paid.disconnect(refuse)
    assert sum(isinstance(result, RuntimeError) for result in results) == len(undone) == 8
    numbers = Invoice.objects.finalised().order_by("number").values_list("number", flat=True)
    assert list(numbers) == [f"SY-2026-{n:06d}" for n in range(1, 33)]
    for attempt in tries[::5]:
        record_outcome(attempt, paid(attempt), at=AT)
    assert Invoice.objects.filter(number=f"SY-2026-{40:06d}").exists()


def test_each_year_has_a_series_of_its_own(organization: Organization) -> None:
    for year, number in ((2026, "SY-2026-000001"), (2027, "SY-2027-000001")):
        attempt = attempt_of(order_of(organization))
        record_outcome(attempt, paid(attempt), at=AT.replace(year=year))
        assert Invoice.objects.get(pk=attempt.invoice_id).number == number

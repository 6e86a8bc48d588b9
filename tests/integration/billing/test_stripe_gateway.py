"""The Stripe gateway through the real SDK against the stand-in: each function, in our words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from billing.gateways import stripe as gateway
from billing.gateways.types import (
    CardDeclined,
    CheckoutStatus,
    GatewayCustomer,
    HostedCheckout,
    PaymentOutcome,
    PaymentStatus,
    RefundReason,
    RefundStatus,
)
from config.kit.errors import GatewayError
from config.kit.money import Money
from tests.simstripe import KEY, SECRET, Vendor, running

PRICE = Money(4_900, "EUR")
CARD = {"number": "4242424242424242", "expiry": "12/44", "cvc": "123", "name": "Ada"}


@pytest.fixture(scope="module")
def process() -> Iterator[Vendor]:
    with running() as started:
        yield started


@pytest.fixture
def vendor(process: Vendor, settings: Any) -> Vendor:
    process.control("reset")
    settings.STRIPE_SECRET_KEY = KEY
    settings.STRIPE_API_BASE = process.url
    settings.STRIPE_WEBHOOK_SECRET = SECRET
    return process


@pytest.fixture
def customer(vendor: Vendor) -> GatewayCustomer:
    return gateway.create_customer(
        name="Ada", email="ada@example.com", metadata={"organization": "7"}, idempotency_key="cu"
    )


def save_card(vendor: Vendor, customer: GatewayCustomer, token: str = "pm_card_visa") -> str:
    with vendor.sdk() as sdk:
        return sdk.payment_methods.attach(token, {"customer": customer.id}).id


@pytest.fixture
def payment(vendor: Vendor, customer: GatewayCustomer) -> PaymentOutcome:
    return create_payment(customer, save_card(vendor, customer))


def create_payment(customer: GatewayCustomer, card_id: str, key: str = "a1:c") -> PaymentOutcome:
    return gateway.create_payment(
        customer_id=customer.id,
        card_id=card_id,
        amount=PRICE,
        description="Invoice 2026-1",
        metadata={"invoice_id": "9", "attempt": key},
        idempotency_key=key,
    )


def confirm(payment: PaymentOutcome, key: str = "a1:x", **extra: Any) -> PaymentOutcome:
    return gateway.confirm_payment(payment_id=payment.id, idempotency_key=key, **extra)


def open_checkout(customer: GatewayCustomer, **extra: Any) -> HostedCheckout:
    return gateway.open_checkout(
        customer_id=customer.id,
        amount=PRICE,
        description="Pro, one year",
        reference="order-7",
        success_url="https://shop.example/done",
        cancel_url="https://shop.example/cart",
        metadata={"order_id": "7"},
        idempotency_key="o7",
        **extra,
    )


def test_a_customer_is_made_once_a_key(vendor: Vendor, customer: GatewayCustomer) -> None:
    again = gateway.create_customer(
        name="Ada", email="ada@example.com", metadata={"organization": "7"}, idempotency_key="cu"
    )
    assert again.id == customer.id
    assert (customer.email, customer.raw["metadata"]) == ("ada@example.com", {"organization": "7"})


def test_a_payment_is_created_unconfirmed(vendor: Vendor, payment: PaymentOutcome) -> None:
    assert payment.status is PaymentStatus.REQUIRES_CONFIRMATION
    assert payment.amount == PRICE
    assert vendor.charges() == 0


def test_a_confirmed_payment_tells_all_we_book(vendor: Vendor, payment: PaymentOutcome) -> None:
    paid = confirm(payment)

    assert paid.status is PaymentStatus.SUCCEEDED
    assert paid.received == PRICE
    assert paid.fee_minor == 99
    assert (paid.card_brand, paid.card_last4) == ("visa", "4242")
    assert paid.charge_id
    assert paid.receipt_url
    assert paid.metadata["invoice_id"] == "9"
    assert json.loads(json.dumps(paid.raw))["id"] == payment.id
    assert gateway.fetch_payment(payment_id=payment.id) == paid


def test_confirming_twice_with_any_key_charges_once(
    vendor: Vendor, payment: PaymentOutcome
) -> None:
    first = confirm(payment, "k1")
    assert confirm(payment, "k1") == first
    assert confirm(payment, "k2") == first
    vendor.control("clock", advance_seconds=30 * 3600)
    assert confirm(payment, "k1").status is PaymentStatus.SUCCEEDED
    assert vendor.charges() == 1


def test_a_decline_is_a_refusal_with_its_code(vendor: Vendor, customer: GatewayCustomer) -> None:
    card = save_card(vendor, customer, "pm_card_chargeCustomerFail")
    payment = create_payment(customer, card)
    with pytest.raises(CardDeclined) as caught:
        confirm(payment)

    assert (caught.value.status, caught.value.code) == (402, "card_declined")
    assert caught.value.decline_code == "generic_decline"
    failed = caught.value.payment
    assert failed is not None
    assert (failed.id, failed.status, failed.card_id) == (payment.id, PaymentStatus.FAILED, card)
    assert gateway.fetch_payment(payment_id=payment.id).decline_code == "generic_decline"
    retried = confirm(payment, "a2:x", card_id=save_card(vendor, customer))
    assert retried.status is PaymentStatus.SUCCEEDED


def test_off_session_an_asking_card_is_declined(vendor: Vendor, customer: GatewayCustomer) -> None:
    card = save_card(vendor, customer, "pm_card_authenticationRequired")
    with pytest.raises(CardDeclined) as caught:
        confirm(create_payment(customer, card))
    assert caught.value.decline_code == "authentication_required"


def test_on_session_the_owner_is_sent_to_the_bank(
    vendor: Vendor, customer: GatewayCustomer
) -> None:
    card = save_card(vendor, customer, "pm_card_authenticationRequired")
    asked = confirm(
        create_payment(customer, card), off_session=False, return_url="https://shop.example/back"
    )
    assert asked.status is PaymentStatus.REQUIRES_ACTION
    assert asked.action_url is not None
    assert vendor.http.get(asked.action_url).status_code == 200

    vendor.control("authenticate", id=asked.id, passed=True)
    assert gateway.fetch_payment(payment_id=asked.id).status is PaymentStatus.SUCCEEDED


def test_canceling_answers_with_what_the_payment_became(
    vendor: Vendor, payment: PaymentOutcome
) -> None:
    canceled = gateway.cancel_payment(payment_id=payment.id, idempotency_key="k1")
    assert canceled.status is PaymentStatus.CANCELED
    assert (
        gateway.cancel_payment(payment_id=payment.id, idempotency_key="k2").status
        is PaymentStatus.CANCELED
    )
    assert confirm(payment).status is PaymentStatus.CANCELED


def test_a_paid_payment_stays_paid_when_canceled(vendor: Vendor, payment: PaymentOutcome) -> None:
    confirm(payment)
    late = gateway.cancel_payment(payment_id=payment.id, idempotency_key="k1")
    assert late.status is PaymentStatus.SUCCEEDED


def test_payments_are_found_by_their_metadata(vendor: Vendor, customer: GatewayCustomer) -> None:
    card = save_card(vendor, customer)
    made = [create_payment(customer, card, key=f"a{number}").id for number in range(3)]
    found = gateway.find_payments(customer_id=customer.id, metadata={"invoice_id": "9"})
    assert [payment.id for payment in found] == made[::-1]
    one = gateway.find_payments(customer_id=customer.id, metadata={"attempt": "a1"})
    assert [payment.id for payment in one] == [made[1]]
    assert gateway.find_payments(customer_id=customer.id, metadata={"invoice_id": "8"}) == []


def test_a_refund_gives_back_a_part_and_then_the_rest(
    vendor: Vendor, payment: PaymentOutcome
) -> None:
    confirm(payment)
    part = gateway.refund_payment(
        payment_id=payment.id,
        amount=Money(900, "EUR"),
        reason=RefundReason.REQUESTED_BY_CUSTOMER,
        idempotency_key="r1",
    )
    rest = gateway.refund_payment(payment_id=payment.id, idempotency_key="r2")

    assert (part.status, part.amount) == (RefundStatus.SUCCEEDED, Money(900, "EUR"))
    assert rest.amount == Money(4_000, "EUR")
    assert part.payment_id == payment.id
    assert gateway.fetch_payment(payment_id=payment.id).refunded_minor == 4_900
    with pytest.raises(GatewayError) as caught:
        gateway.refund_payment(payment_id=payment.id, idempotency_key="r3")
    assert (caught.value.retryable, caught.value.code) == (False, "charge_already_refunded")


def test_a_checkout_is_opened_paid_and_fetched(vendor: Vendor, customer: GatewayCustomer) -> None:
    opened = open_checkout(customer)
    assert (opened.status, opened.paid, opened.reference) == (CheckoutStatus.OPEN, False, "order-7")
    assert opened.url is not None
    assert open_checkout(customer).id == opened.id

    vendor.http.post(opened.url, data=CARD)
    done = gateway.fetch_checkout(checkout_id=opened.id)
    assert (done.status, done.paid, done.url) == (CheckoutStatus.COMPLETE, True, None)
    assert done.metadata == {"order_id": "7"}
    assert done.payment is not None
    assert done.payment.status is PaymentStatus.SUCCEEDED
    assert done.payment.received == PRICE
    assert done.payment.metadata == {"order_id": "7"}
    assert done.payment.fee_minor == 99
    cards = gateway.list_cards(customer_id=customer.id)
    assert [(card.last4, card.exp_month, card.exp_year) for card in cards] == [("4242", 12, 2044)]
    again = create_payment(customer, cards[0].id)
    assert confirm(again).status is PaymentStatus.SUCCEEDED


def test_a_checkout_that_keeps_no_card(vendor: Vendor, customer: GatewayCustomer) -> None:
    opened = open_checkout(customer, save_card=False)
    assert opened.url is not None
    vendor.http.post(opened.url, data=CARD)
    assert gateway.list_cards(customer_id=customer.id) == []


def test_a_checkout_can_end_early(vendor: Vendor, customer: GatewayCustomer) -> None:
    until = datetime.now(UTC) + timedelta(hours=1)
    opened = open_checkout(customer, expires_at=until)
    assert abs(opened.expires_at - until) < timedelta(seconds=2)

    ended = gateway.expire_checkout(checkout_id=opened.id, idempotency_key="e1")
    assert ended.status is CheckoutStatus.EXPIRED
    again = gateway.expire_checkout(checkout_id=opened.id, idempotency_key="e2")
    assert again.status is CheckoutStatus.EXPIRED


def test_a_paid_checkout_stays_paid_when_expired(vendor: Vendor, customer: GatewayCustomer) -> None:
    opened = open_checkout(customer)
    assert opened.url is not None
    vendor.http.post(opened.url, data=CARD)
    late = gateway.expire_checkout(checkout_id=opened.id, idempotency_key="e1")
    assert (late.status, late.paid) == (CheckoutStatus.COMPLETE, True)


def test_a_card_is_saved_on_the_vendors_page(vendor: Vendor, customer: GatewayCustomer) -> None:
    opened = gateway.open_card_setup(
        customer_id=customer.id,
        reference="org-7",
        success_url="https://shop.example/done",
        cancel_url="https://shop.example/cards",
        idempotency_key="s1",
    )
    assert opened.url is not None
    vendor.http.post(opened.url, data=CARD)
    done = gateway.fetch_checkout(checkout_id=opened.id)
    assert (done.status, done.paid, done.payment) == (CheckoutStatus.COMPLETE, False, None)
    assert done.card is not None
    assert gateway.list_cards(customer_id=customer.id) == [done.card]


def test_a_card_is_detached_once(vendor: Vendor, customer: GatewayCustomer) -> None:
    card_id = save_card(vendor, customer)
    assert gateway.detach_card(card_id=card_id, idempotency_key="d1").customer_id is None
    assert gateway.detach_card(card_id=card_id, idempotency_key="d2").customer_id is None
    assert gateway.list_cards(customer_id=customer.id) == []


def test_a_setup_waits_for_its_card(vendor: Vendor, customer: GatewayCustomer) -> None:
    setup = gateway.create_setup(customer_id=customer.id, idempotency_key="s1")
    assert setup.status is PaymentStatus.REQUIRES_CONFIRMATION
    assert setup.client_secret.startswith(setup.id)
    assert setup.client_secret not in repr(setup)


def test_events_are_listed_by_time_and_kind(vendor: Vendor, payment: PaymentOutcome) -> None:
    confirm(payment)
    since = datetime.now(UTC) - timedelta(minutes=1)
    kinds = [event.kind for event in gateway.list_events(since=since)]
    assert kinds[:2] == ["payment_intent.succeeded", "charge.succeeded"]
    paid = list(gateway.list_events(since=since, kinds=["payment_intent.succeeded"]))
    assert [(event.object_kind, event.object_id) for event in paid] == [
        ("payment_intent", payment.id)
    ]
    assert list(gateway.list_events(since=since + timedelta(hours=1))) == []
    assert list(gateway.list_events(since=since, undelivered=True)) == []

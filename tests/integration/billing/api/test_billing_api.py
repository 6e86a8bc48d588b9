"""The billing API: shapes, roles, repeats, refusals, pages."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.utils.timezone import now

from billing.models import Order, PaymentAttempt, Price, Product, Subscription
from billing.services import checkout
from billing.services.documents import compose
from tests.factories.billing import attempt_of, card_of, order_of
from tests.integration.billing.web.buying import a_subscription
from tests.integration.billing.web.shelf import a_product, an_invoice
from tests.simstripe import Vendor

GOOD = {"number": "4242424242424242", "expiry": "12/44", "cvc": "123", "name": "Ada"}


@pytest.fixture
def product(people: Any) -> Product:
    return a_product()


@pytest.fixture
def price(product: Product) -> Price:
    return product.prices.get(interval="monthly")


@pytest.fixture
def subscription(people: Any) -> Subscription:
    return a_subscription(people.organization)


def post(client: Any, path: str, body: Any = None, key: str | None = "") -> Any:
    """POST JSON; a fresh Idempotency-Key unless one is given, none for None."""
    headers = {} if key is None else {"Idempotency-Key": key or str(uuid4())}
    return client.post(f"/api/v1/{path}", body or {}, "application/json", headers=headers)


def code(answer: Any) -> tuple[int, str]:
    assert answer["Content-Type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


# Products


def test_the_catalogue_lists_products_with_their_prices(alice: Any, product: Product) -> None:
    (found,) = alice.get("/api/v1/products").json()["results"]

    assert found["slug"] == "relay-team"
    assert found["features"] == ["25 devices", "Unattended access"]
    assert {(each["interval"], each["unit_amount_minor"]) for each in found["prices"]} == {
        ("monthly", 4900),
        ("yearly", 49000),
    }
    assert "grants" not in found


def test_lists_go_by_cursor(alice: Any, people: Any) -> None:
    for number in range(5):
        a_product(f"p-{number}")

    first = alice.get("/api/v1/products?limit=3").json()
    second = alice.get(first["next"]).json()

    assert [each["slug"] for each in first["results"]] == ["p-4", "p-3", "p-2"]
    assert [each["slug"] for each in second["results"]] == ["p-1", "p-0"]


@pytest.mark.parametrize("path", ["products", "orders", "subscriptions", "invoices"])
@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=201", "cursor=bad"])
def test_a_page_that_cannot_be_is_refused(alice: Any, path: str, query: str) -> None:
    assert code(alice.get(f"/api/v1/{path}?{query}")) == (422, "invalid_input")


# Orders


def test_an_order_is_placed_and_paid_on_the_vendors_page(
    vendor: Vendor, alice: Any, price: Price
) -> None:
    placed = post(alice, "orders", {"price": str(price.pk), "quantity": 2})
    order = placed.json()
    assert placed.status_code == 201
    assert (order["status"], order["total_minor"]) == ("ordered", 9800)
    assert order["payment"] == {
        "method": "hosted",
        "status": "requested",
        "amount_minor": 11662,
        "currency": "EUR",
        "decline_code": "",
        "failure": "",
    }

    opened = alice.post(order["checkout_path"])
    again = alice.post(order["checkout_path"])
    assert opened.status_code == 200
    assert opened.json()["checkout_url"].startswith(vendor.url)
    assert again.json() == opened.json()

    vendor.http.post(opened.json()["checkout_url"], data=GOOD)
    checkout.look_at_page(attempt_of(Order.objects.get()).pk, at=now())
    done = alice.get(f"/api/v1/orders/{order['id']}").json()
    assert (done["status"], done["payment"]["status"]) == ("completed", "succeeded")
    assert done["checkout_path"] is None
    assert alice.get(f"/api/v1/invoices/{done['invoice']}").json()["status"] == "paid"
    assert code(alice.post(order["checkout_path"])) == (409, "order_not_open")


def test_a_repeated_order_is_one_order_with_one_answer(alice: Any, price: Price) -> None:
    body, key = {"price": str(price.pk)}, str(uuid4())

    first, second = post(alice, "orders", body, key), post(alice, "orders", body, key)

    assert first.json() == second.json()
    assert second["Idempotent-Replayed"] == "true"
    assert Order.objects.count() == 1
    other = {**body, "quantity": 3}
    assert code(post(alice, "orders", other, key)) == (422, "idempotency_mismatch")


def test_an_order_without_a_key_is_refused(alice: Any, price: Price) -> None:
    answer = post(alice, "orders", {"price": str(price.pk)}, None)

    assert code(answer) == (422, "invalid_input")
    assert answer.json()["errors"][0]["code"] == "idempotency_key_required"
    assert not Order.objects.exists()


def test_a_saved_card_is_charged_at_once_or_missed(alice: Any, people: Any, price: Price) -> None:
    body = {"price": str(price.pk), "payment": "saved_card"}
    assert code(post(alice, "orders", body)) == (404, "card_not_found")

    card = card_of(people.organization, "pm_1")
    card.is_default = True
    card.save(update_fields=["is_default"])
    order = post(alice, "orders", body).json()

    assert order["payment"]["method"] == "saved_card"
    assert PaymentAttempt.objects.get().card == card


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/price"),
        ({"price": "x"}, "/price"),
        ({"price": [1]}, "/price"),
        ({"price": None}, "/price"),
        ({"quantity": 0}, "/quantity"),
        ({"quantity": 1001}, "/quantity"),
        ({"quantity": "many"}, "/quantity"),
        ({"quantity": 1.5}, "/quantity"),
        ({"quantity": 10**40}, "/quantity"),
        ({"payment": "cash"}, "/payment"),
        ({"payment": ["hosted"]}, "/payment"),
        ({"discount": 100}, "/discount"),
        ({"organization": str(uuid4())}, "/organization"),
    ],
)
def test_a_wrong_order_names_its_field(
    alice: Any, price: Price, body: dict[str, Any], pointer: str
) -> None:
    said = body if pointer == "/price" else {"price": str(price.pk), **body}
    answer = post(alice, "orders", said)

    assert code(answer) == (422, "invalid_input")
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]


@pytest.mark.parametrize("body", ["", "{", "[]", "null", '"x"', '{"price": "\ud800"}', "\x00"])
def test_what_is_no_json_object_is_refused(alice: Any, body: str) -> None:
    raw = body.encode("utf-8", "surrogatepass")
    answer = alice.post(
        "/api/v1/orders", raw, "application/json", headers={"Idempotency-Key": str(uuid4())}
    )

    assert answer.status_code in (400, 422)
    code(answer)


def test_what_is_not_on_sale_cannot_be_ordered(alice: Any, product: Product, price: Price) -> None:
    assert code(post(alice, "orders", {"price": str(uuid4())})) == (404, "not_found")

    Product.objects.update(is_active=False)
    refused = post(alice, "orders", {"price": str(price.pk)})
    assert code(refused) == (409, "price_not_on_sale")


def test_a_silent_vendor_is_a_503_that_changed_nothing(
    vendor: Vendor, alice: Any, people: Any
) -> None:
    order = order_of(people.organization, at=now())
    vendor.control("faults", fail_before=1.0, match="checkout/sessions", times=1)
    address = f"/api/v1/orders/{order.pk}/checkout"

    assert code(alice.post(address)) == (503, "unavailable")
    assert alice.post(address).status_code == 200


def test_orders_are_listed_newest_first(alice: Any, people: Any) -> None:
    first, second = (order_of(people.organization) for _ in range(2))

    found = alice.get("/api/v1/orders").json()["results"]

    assert [each["id"] for each in found] == [str(second.pk), str(first.pk)]


# Subscriptions


def test_a_subscription_is_cancelled_and_resumed(alice: Any, subscription: Subscription) -> None:
    address = f"subscriptions/{subscription.pk}"
    shown = alice.get(f"/api/v1/{address}").json()
    assert shown["product"]["name"] == "Relay Team"
    assert alice.get("/api/v1/subscriptions").json()["results"] == [shown]

    for _ in range(2):
        cancelled = post(alice, f"{address}/cancel", key=None)
        assert (cancelled.status_code, cancelled.json()["cancel_at_period_end"]) == (200, True)
    for _ in range(2):
        resumed = post(alice, f"{address}/resume")
        assert (resumed.json()["cancel_at_period_end"], resumed.json()["auto_renew"]) == (
            False, True,
        )  # fmt: skip


def test_what_has_ended_cannot_be_cancelled(alice: Any, subscription: Subscription) -> None:
    subscription.status, subscription.ended_at = "ended", subscription.current_period_end
    subscription.save(update_fields=["status", "ended_at"])

    answer = post(alice, f"subscriptions/{subscription.pk}/cancel")

    assert code(answer) == (409, "subscription_not_active")


# Invoices


def test_an_invoice_has_lines_parties_and_a_pdf(alice: Any, people: Any) -> None:
    invoice = an_invoice(people.organization)

    shown = alice.get(f"/api/v1/invoices/{invoice.pk}").json()
    pdf = alice.get(shown["pdf_path"], headers={"Accept": "application/pdf"})

    assert shown["total_minor"] == 5831
    assert shown["buyer"]["vat_id"] == "PL5260250274"
    assert shown["lines"][0]["tax_rate"] == "19"
    assert alice.get("/api/v1/invoices").json()["results"] == [shown]
    assert pdf.content == compose(invoice)
    assert pdf["Content-Type"] == "application/pdf"


def test_invoices_are_filtered_by_state(alice: Any, people: Any) -> None:
    an_invoice(people.organization, number="SW-1")
    an_invoice(people.organization, number="SW-2", paid=False)
    order_of(people.organization)

    found = alice.get("/api/v1/invoices?status=open").json()["results"]

    assert [each["number"] for each in found] == ["SW-2"]
    assert len(alice.get("/api/v1/invoices").json()["results"]) == 2
    assert code(alice.get("/api/v1/invoices?status=draft")) == (422, "invalid_input")


def test_a_refused_pdf_is_still_a_problem_document(alice: Any) -> None:
    answer = alice.get(f"/api/v1/invoices/{uuid4()}/pdf", headers={"Accept": "application/pdf"})

    assert code(answer) == (404, "not_found")


# Who may


def addresses(organization: Any) -> list[tuple[str, str]]:
    """Every endpoint about one object of an organization."""
    subscription = a_subscription(organization)
    order = subscription.order_item.order
    invoice = order.invoices.get()
    return [
        ("get", f"orders/{order.pk}"),
        ("post", f"orders/{order.pk}/checkout"),
        ("get", f"subscriptions/{subscription.pk}"),
        ("post", f"subscriptions/{subscription.pk}/cancel"),
        ("post", f"subscriptions/{subscription.pk}/resume"),
        ("get", f"invoices/{invoice.pk}"),
        ("get", f"invoices/{invoice.pk}/pdf"),
    ]


def test_a_member_reads_and_may_not_act(bob: Any, people: Any) -> None:
    for verb, path in addresses(people.organization):
        answer = getattr(bob, verb)(f"/api/v1/{path}")
        if verb == "get":
            assert answer.status_code == 200, path
        else:
            assert code(answer) == (403, "forbidden"), path
    assert code(post(bob, "orders", {"price": str(uuid4())})) == (403, "forbidden")


def test_a_stranger_finds_nothing(charlie: Any, people: Any) -> None:
    for verb, path in addresses(people.organization):
        assert code(getattr(charlie, verb)(f"/api/v1/{path}")) == (404, "not_found"), path
    for path in ("orders", "subscriptions", "invoices"):
        assert charlie.get(f"/api/v1/{path}").json()["results"] == []


def test_nobody_is_told_to_sign_in(nobody: Any, people: Any) -> None:
    lists = [("get", path) for path in ("products", "orders", "subscriptions", "invoices")]
    for verb, path in [*addresses(people.organization), *lists, ("post", "orders")]:
        answer = getattr(nobody, verb)(f"/api/v1/{path}")
        assert code(answer) == (401, "not_authenticated"), path


@pytest.mark.parametrize(
    ("path", "queries"), [("products", 8), ("orders", 10), ("subscriptions", 7), ("invoices", 8)]
)
def test_a_list_asks_the_same_number_of_queries_for_one_and_for_many(
    alice: Any, people: Any, path: str, queries: int, django_assert_num_queries: Any
) -> None:
    a_subscription(people.organization)
    alice.get(f"/api/v1/{path}")
    with django_assert_num_queries(queries):
        alice.get(f"/api/v1/{path}")
    for _ in range(3):
        a_subscription(people.organization)
    with django_assert_num_queries(queries):
        alice.get(f"/api/v1/{path}")

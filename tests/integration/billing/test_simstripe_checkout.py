"""The stand-in's hosted page by plain form posts, as a browser without scripts sends them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import stripe

from tests.simstripe import Vendor, running

SUCCESS = "https://shop.example/done?session={CHECKOUT_SESSION_ID}"
CARD = {"number": "4242 4242 4242 4242", "expiry": "12/44", "cvc": "123", "name": "Ada"}


@pytest.fixture(scope="module")
def process() -> Iterator[Vendor]:
    with running() as started:
        yield started


@pytest.fixture
def vendor(process: Vendor) -> Vendor:
    process.control("reset")
    return process


@pytest.fixture
def sdk(vendor: Vendor) -> Iterator[Any]:
    with vendor.sdk() as services:
        yield services


@pytest.fixture
def customer(sdk: Any) -> Any:
    return sdk.customers.create({"email": "ada@example.com"})


@pytest.fixture
def session(sdk: Any, customer: Any) -> Any:
    return sdk.checkout.sessions.create(
        {
            "mode": "payment",
            "customer": customer.id,
            "client_reference_id": "order-7",
            "success_url": SUCCESS,
            "cancel_url": "https://shop.example/cart",
            "line_items": [
                {
                    "quantity": 2,
                    "price_data": {
                        "currency": "eur",
                        "unit_amount": 2_450,
                        "product_data": {"name": "Pro <yearly>"},
                    },
                }
            ],
            "payment_intent_data": {
                "metadata": {"order": "7"},
                "setup_future_usage": "off_session",
            },
        }
    )


def submit(vendor: Vendor, session: Any, **changes: str) -> Any:
    return vendor.http.post(f"/c/pay/{session.id}", data={**CARD, **changes})


def kinds(sdk: Any) -> list[str]:
    return [event.type for event in sdk.events.list({"limit": 100}).data]


def test_the_page_shows_what_is_paid_and_has_a_strict_policy(vendor: Vendor, session: Any) -> None:
    page = vendor.http.get(session.url)

    assert page.status_code == 200
    assert "Pay €49.00" in page.text
    assert "Pro &lt;yearly&gt;" in page.text
    assert "No real card is taken" in page.text
    assert 'href="https://shop.example/cart"' in page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self' https://shop.example" in policy
    assert "script" not in page.text
    foreign = re.findall(r'(?:src|href|action)="(https?://[^"]+)"', page.text)
    assert foreign == ["https://shop.example/cart"]
    for field, purpose in {"number": "cc-number", "expiry": "cc-exp", "cvc": "cc-csc"}.items():
        assert f'<label for="{field}">' in page.text
        assert f'autocomplete="{purpose}"' in page.text


def test_a_payment_completes_the_session(
    vendor: Vendor, sdk: Any, session: Any, customer: Any
) -> None:
    answer = submit(vendor, session)

    assert answer.status_code == 303
    assert answer.headers["location"] == f"https://shop.example/done?session={session.id}"
    done = sdk.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent.latest_charge"]})
    assert (done.status, done.payment_status, done.url) == ("complete", "paid", None)
    assert done.payment_intent.status == "succeeded"
    assert done.payment_intent.metadata.to_dict() == {"order": "7"}
    assert done.payment_intent.latest_charge.amount == 4_900
    cards = sdk.payment_methods.list({"customer": customer.id, "type": "card"}).data
    assert [card.billing_details.name for card in cards] == ["Ada"]
    assert kinds(sdk)[:5] == [
        "checkout.session.completed",
        "payment_intent.succeeded",
        "charge.succeeded",
        "payment_method.attached",
        "payment_intent.created",
    ]


def test_twenty_submits_charge_once(vendor: Vendor, session: Any) -> None:
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: submit(vendor, session), range(20)))
    assert {answer.status_code for answer in answers} == {303}
    assert len({answer.headers["location"] for answer in answers}) == 1
    assert vendor.charges() == 1


def test_a_paid_page_says_so(vendor: Vendor, session: Any) -> None:
    submit(vendor, session)
    page = vendor.http.get(f"/c/pay/{session.id}")
    assert page.status_code == 200
    assert "Already paid" in page.text
    assert f"https://shop.example/done?session={session.id}" in page.text


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"number": ""}, "number"),
        ({"number": "4242 4242 4242 4241"}, "number"),
        ({"number": "4111111111111111"}, "number"),
        ({"number": "<script>"}, "number"),
        ({"expiry": "13/44"}, "expiry"),
        ({"expiry": "01/20"}, "expiry"),
        ({"expiry": "soon"}, "expiry"),
        ({"cvc": "12"}, "cvc"),
        ({"cvc": "٣٣٣"}, "cvc"),
        ({"name": " "}, "name"),
    ],
)
def test_a_wrong_field_is_marked_in_place(
    vendor: Vendor, session: Any, changes: dict[str, str], field: str
) -> None:
    page = submit(vendor, session, **changes)

    assert page.status_code == 422
    assert f'id="{field}-error"' in page.text
    assert page.text.count('aria-invalid="true"') == 1
    assert "<script>" not in page.text
    assert CARD["cvc"] not in re.findall(r'id="cvc"[^>]*value="([^"]*)"', page.text)
    assert vendor.charges() == 0


def test_a_declined_card_can_be_followed_by_a_good_one(
    vendor: Vendor, sdk: Any, session: Any
) -> None:
    page = submit(vendor, session, number="4000000000009995")
    assert page.status_code == 402
    assert 'role="alert"' in page.text
    assert "insufficient funds" in page.text
    assert vendor.charges() == 0

    assert submit(vendor, session).status_code == 303
    assert vendor.charges() == 1
    intents = sdk.payment_intents.list({}).data
    assert [intent.status for intent in intents] == ["succeeded"]


@pytest.mark.parametrize("number", ["4000002500003155", "4000002760003184"])
def test_the_owner_completes_the_challenge(vendor: Vendor, session: Any, number: str) -> None:
    challenge = submit(vendor, session, number=number).headers["location"]
    page = vendor.http.get(challenge)
    assert "pay €49.00" in page.text
    assert vendor.charges() == 0

    answer = answer_challenge(vendor, page, "complete")
    assert answer.headers["location"] == f"https://shop.example/done?session={session.id}"
    assert vendor.charges() == 1
    assert answer_challenge(vendor, page, "complete").status_code == 303
    assert vendor.charges() == 1


def test_a_failed_challenge_leads_back_to_the_form(vendor: Vendor, session: Any) -> None:
    page = vendor.http.get(submit(vendor, session, number="4000002760003184").headers["location"])
    back = answer_challenge(vendor, page, "fail")

    assert back.headers["location"] == f"/c/pay/{session.id}"
    assert "unable to authenticate" in vendor.http.get(back.headers["location"]).text
    assert vendor.charges() == 0
    assert submit(vendor, session).status_code == 303


def answer_challenge(vendor: Vendor, page: Any, outcome: str) -> Any:
    action = re.search(r'action="([^"]+)"', page.text)[1]
    secret = re.search(r'name="secret" value="([^"]+)"', page.text)[1]
    return vendor.http.post(action, data={"secret": secret, "outcome": outcome})


def test_a_challenge_needs_its_secret(vendor: Vendor, session: Any) -> None:
    url = submit(vendor, session, number="4000002760003184").headers["location"]
    bare = url.partition("?")[0]
    assert vendor.http.get(bare).status_code == 404
    assert vendor.http.post(bare, data={"outcome": "complete", "secret": "é"}).status_code == 404
    assert vendor.charges() == 0


def test_an_expired_page_takes_no_money(vendor: Vendor, sdk: Any, session: Any) -> None:
    assert sdk.checkout.sessions.expire(session.id).status == "expired"
    assert submit(vendor, session).status_code == 410
    assert vendor.http.get(f"/c/pay/{session.id}").status_code == 410
    with pytest.raises(stripe.InvalidRequestError):
        sdk.checkout.sessions.expire(session.id)
    assert vendor.charges() == 0


def test_a_page_expires_by_itself(vendor: Vendor, sdk: Any, session: Any) -> None:
    vendor.control("clock", advance_seconds=86_401)
    assert vendor.http.get(f"/c/pay/{session.id}").status_code == 410
    assert "checkout.session.expired" in kinds(sdk)


def test_a_card_is_saved_without_a_payment(vendor: Vendor, sdk: Any, customer: Any) -> None:
    session = sdk.checkout.sessions.create(
        {
            "mode": "setup",
            "currency": "eur",
            "customer": customer.id,
            "success_url": SUCCESS,
        }
    )
    assert "Save card" in vendor.http.get(session.url).text
    page = vendor.http.get(submit(vendor, session, number="4000002500003155").headers["location"])
    assert answer_challenge(vendor, page, "complete").status_code == 303

    done = sdk.checkout.sessions.retrieve(session.id, {"expand": ["setup_intent"]})
    assert (done.status, done.payment_status) == ("complete", "no_payment_required")
    paid = sdk.payment_intents.create(
        {
            "amount": 100,
            "currency": "eur",
            "customer": customer.id,
            "payment_method": done.setup_intent.payment_method,
            "confirm": True,
            "off_session": True,
        }
    )
    assert paid.status == "succeeded"


def test_line_items_and_the_receipt_are_there(vendor: Vendor, sdk: Any, session: Any) -> None:
    lines = sdk.checkout.sessions.line_items.list(session.id).data
    assert [(line.description, line.amount_total) for line in lines] == [("Pro <yearly>", 4_900)]
    submit(vendor, session)
    receipt = vendor.http.get(sdk.charges.list({}).data[0].receipt_url)
    assert "€49.00" in receipt.text


@pytest.mark.parametrize("path", ["/c/pay/cs_no", "/c/nothing", "/c/authenticate/pi_no", "/c/"])
def test_an_unknown_page_is_404(vendor: Vendor, path: str) -> None:
    assert vendor.http.get(path).status_code == 404


def test_amounts_without_decimals_are_shown_whole(vendor: Vendor, sdk: Any) -> None:
    price = {"currency": "jpy", "unit_amount": 1_500, "product_data": {"name": "Tea"}}
    session = sdk.checkout.sessions.create(
        {
            "mode": "payment",
            "success_url": SUCCESS,
            "line_items": [{"quantity": 1, "price_data": price}],
        }
    )
    assert "Pay JPY 1,500" in vendor.http.get(session.url).text


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "/done",
        "https://shop.example/\r\nSet-Cookie: a=b",
        "https://shop.example; script-src *",
        "https://",
    ],
)
def test_an_address_that_is_none_is_refused(sdk: Any, url: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        sdk.checkout.sessions.create({"mode": "setup", "currency": "eur", "success_url": url})
    assert caught.value.code == "url_invalid"

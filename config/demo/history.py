"""A year of business: orders paid at the payment page, licenses, devices, an API plan."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx
from django.conf import settings

from accounts.models import Organization, User
from billing.models import Invoice, Order, PaymentAttempt, Price
from billing.services import checkout
from billing.services.customers import ensure_stripe_customer, refresh_cards
from billing.services.documents import render_invoice
from billing.services.orders import place_order
from config.demo.catalogue import TELEMETRY
from config.kit import context
from licensing.models import License
from licensing.rules.transitions import SuspendedReason
from licensing.services.devices import Description, activate_device
from licensing.services.licenses import suspend_license
from licensing.services.sightings import flush_sightings, note_sighting

CARD = {"number": "4242 4242 4242 4242", "expiry": "12 / 34", "cvc": "123", "name": "Ines Halden"}


@dataclass(frozen=True, slots=True)
class Purchase:
    """One past order: how many days ago, of which plan, and the devices that run on it."""

    key: str
    days_ago: int
    slug: str
    interval: str
    quantity: int
    devices: tuple[str, ...]


HISTORY = [
    Purchase("demo-1", 322, "fleet-remote-team", "yearly", 1, (
        "Palletiser 01", "Palletiser 02", "Press brake 4", "Laser cutter A", "Laser cutter B",
        "Paint line", "Conveyor north", "Conveyor south", "Test bench")),
    Purchase("demo-2", 231, "fleet-remote-solo", "yearly", 2, ("Ines laptop", "Workshop tablet")),
    Purchase("demo-3", 168, "fleet-remote-solo", "yearly", 1, ("Trade fair demo",)),
    Purchase("demo-4", 74, "fleet-remote-plant", "yearly", 1, tuple(
        f"Welding cell {number:02d}" for number in range(1, 24))),
    Purchase("demo-5", 12, "fleet-remote-team", "monthly", 1, (
        "Night shift terminal", "Quality gate camera", "Packing robot")),
    Purchase("demo-6", 3, "fleet-remote-solo", "monthly", 1, ()),
    Purchase("demo-7", 61, TELEMETRY, "yearly", 1, ()),
]  # fmt: skip
SUSPENDED = "demo-3"


def fill_history(organization: Organization, owner: User, *, now: datetime) -> int:
    """Buy what is missing of the history; returns how many orders were added."""
    added = 0
    with context.acting(organization_id=organization.pk, actor_kind="user", actor_id=str(owner.pk)):
        for purchase in HISTORY:
            known = Order.objects.for_organization(organization).filter(
                client_key=purchase.key, status=Order.Status.COMPLETED
            )
            if not known.exists():
                _buy(organization, owner, purchase, now)
                added += 1
        refresh_cards(ensure_stripe_customer(organization))
        flush_sightings(at=now)
    return added


def _buy(organization: Organization, owner: User, purchase: Purchase, now: datetime) -> None:
    at = now - timedelta(days=purchase.days_ago, hours=purchase.days_ago % 7)
    price = Price.objects.on_sale().get(
        product__slug=purchase.slug, interval=purchase.interval, currency="EUR"
    )
    order = place_order(
        organization,
        price=price,
        quantity=purchase.quantity,
        client_key=purchase.key,
        placed_by=owner,
        at=at,
    )
    invoice = Invoice.objects.for_organization(organization).get(order=order)
    attempt = PaymentAttempt.objects.for_organization(organization).filter(invoice=invoice).last()
    assert attempt is not None, "an order is placed with an attempt"
    with _vendor_lives_at(at, now):
        _pay(attempt, at)
    render_invoice(Invoice.objects.get(pk=invoice.pk))
    license = License.objects.for_organization(organization).filter(
        subscription__order_item__order=order
    )
    for found in license:
        _use(found, purchase, at, now)


def _pay(attempt: PaymentAttempt, at: datetime) -> None:
    """Fill in the stand-in's payment page as a person would, and take over what it says."""
    url = checkout.open_hosted_page(attempt)
    answer = httpx.post(url, data=CARD, follow_redirects=False, timeout=10)
    assert answer.status_code == 303, f"the payment page answered {answer.status_code}"
    checkout.look_at_page(attempt.pk, at=at)
    attempt.refresh_from_db()
    assert attempt.status == "succeeded", f"{attempt.status}: {attempt.failure}"


@contextmanager
def _vendor_lives_at(at: datetime, now: datetime) -> Iterator[None]:
    """Let the stand-in live at a past moment; its webhooks, which would be dated today, wait."""
    _control("webhooks", drop=1)
    _control("clock", offset_seconds=int((at - now).total_seconds()))
    try:
        yield
    finally:
        _control("clock", offset_seconds=0)
        _control("webhooks", drop=0, resend=True)


def _control(what: str, **body: object) -> None:
    address = f"{settings.STRIPE_API_BASE}/_control/{what}"
    httpx.post(address, json=body, timeout=10).raise_for_status()


def _use(license: License, purchase: Purchase, at: datetime, now: datetime) -> None:
    for index, name in enumerate(purchase.devices):
        begun = max(at, license.starts_at) + timedelta(hours=2 + 9 * index)
        device = Description(
            device_id=f"{purchase.key}-{index:03d}",
            name=name,
            platform=("linux", "windows", "linux-arm64")[index % 3],
            hostname=name.lower().replace(" ", "-"),
            app_version="4.2.1" if index % 4 else "4.1.0",
        )
        activation = activate_device(license, device=device, at=min(begun, now))
        seen = now - timedelta(minutes=7 + 53 * index)
        note_sighting(activation.device, at=seen)
    if purchase.key == SUSPENDED:
        suspend_license(license, reason=SuspendedReason.OPERATOR)


def stand_in_answers() -> bool:
    """History is only bought from the stand-in, never from the real vendor."""
    return bool(settings.STRIPE_API_BASE) and settings.STRIPE_SECRET_KEY.startswith("sk_test_")

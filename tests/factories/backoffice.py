"""A house full of customers, made through the services: what staff find when they come in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any

from django.db import connection
from django.utils.timezone import now

from accounts.models import Organization, Seal, TrailAlert, User
from accounts.services.impersonation import ask_to_look
from accounts.services.limits import Allowance, set_allowances
from accounts.services.notifications import notify
from accounts.services.organizations import create_organization
from accounts.services.privacy import request_export
from accounts.services.seals.watching import alert, resolve
from accounts.services.users import create_user
from accounts.services.webhooks import endpoints
from billing.gateways.types import PaymentOutcome, PaymentStatus
from billing.models import PaymentAttempt, Price, Product, StripeEvent, UsageRecord
from billing.services import attempts, quotas, settlement
from config.kit import context
from licensing.models import License
from licensing.services.devices import Description, activate_device
from licensing.services.trials import start_trial
from support.services.notes import write_note
from tests.factories.billing import PriceFactory, attempt_of, order_of, profile_of
from tests.factories.bulk import job_of
from tests.factories.keys import make_key
from tests.factories.licensing import trial_product
from tests.factories.team import invitation_of
from tests.factories.tokens import leave_traces
from tests.factories.webhooks import announced, endpoint_of


def customer(number: int) -> tuple[Organization, User]:
    owner = create_user(f"owner{number}@example.com", "correct horse battery", first_name="Ada")
    organization = create_organization(name=f"Customer {number}", owner=owner, country="DE")
    with context.acting(organization_id=organization.pk):
        profile_of(organization, legal_name=f"Customer {number} GmbH")
    return organization, owner


def paid(attempt: PaymentAttempt, at: datetime) -> PaymentOutcome:
    """Return what the vendor says of an attempt that took the money."""
    return PaymentOutcome(
        id=f"pi_{attempt.pk.hex}",
        status=PaymentStatus.SUCCEEDED,
        amount_minor=attempt.amount_minor,
        received_minor=attempt.amount_minor,
        refunded_minor=0,
        currency=attempt.currency,
        customer_id=None,
        card_id=None,
        card_brand="visa",
        card_last4="4242",
        charge_id=f"ch_{attempt.pk.hex}",
        fee_minor=None,
        receipt_url=None,
        decline_code=None,
        decline_message="",
        action_url=None,
        created_at=at,
        metadata={},
        raw={},
    )


def purchase(organization: Organization, owner: User, price: Price, at: datetime) -> License:
    """Let the customer buy one license and pay for it; return the license."""
    with context.acting(organization_id=organization.pk):
        order = order_of(organization, price=price, placed_by=owner, at=at)
        attempt = attempt_of(order)
        settlement.settle(attempt, paid(attempt, at), at=at)
        return License.objects.get(subscription__order_item__order=order)


def failed_payment(organization: Organization, price: Price, at: datetime) -> PaymentAttempt:
    with context.acting(organization_id=organization.pk):
        attempt = attempt_of(order_of(organization, price=price, at=at))
        attempts.end(attempt, status="failed", reason="card", decline_code="card_declined")
    return attempt


def device(license: License, number: int, at: datetime) -> Any:
    description = Description(f"dev-{number}", f"Workbench {number}", "linux", "wb", "1.4.2")
    with context.acting(organization_id=license.organization_id):
        return activate_device(license, device=description, at=at).device


def webhook(number: int, at: datetime, **facts: Any) -> StripeEvent:
    payload = {"id": f"evt_{number}", "type": "payment_intent.succeeded", "data": {"object": {}}}
    return StripeEvent.objects.create(
        event_id=f"evt_{number}",
        type="payment_intent.succeeded",
        object_id=f"pi_{number}",
        created=at,
        payload=payload,
        **facts,
    )


def colleague(role: str) -> User:
    """The member of staff who did what staff did before the test."""
    found = User.objects.filter(role=role).first()
    return found or create_user(f"{role}@desk.example", "correct horse battery", role=role)


def program(organization: Organization, owner: User, at: datetime) -> None:
    """What a customer's programs need and leave: a key, a limit, use of it, messages."""
    make_key(organization, owner, "licenses:read")
    job_of(organization, owner, 1)
    with context.acting(organization_id=organization.pk):
        set_allowances(organization, {"": Allowance("pro", 600, 10_000)}, at=at)
    metered(organization, at)
    endpoint = endpoint_of(organization, f"https://hooks.example/{organization.pk}")
    announced(organization)
    endpoint.refresh_from_db()
    endpoints.disable_endpoint(endpoint, reason="No longer needed")


def metered(organization: Organization, at: datetime) -> None:
    """An hour of use that is on a bill, and a quota of which four fifths are used."""
    hour = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    UsageRecord.objects.create(
        organization=organization,
        feature_type=UsageRecord.Feature.API_CALLS,
        period_start=hour - timedelta(hours=1),
        period_end=hour,
        request_count=8000,
        rate_per_thousand=Decimal("0.5"),
        total_cost=Decimal(4),
        currency="EUR",
        source_key=f"api_calls/{organization.pk}//{hour:%Y-%m-%dT%H}/0",
    )
    quotas.alert(quotas.Month(organization.pk, "", 8000, 10_000), 80, hour.date().replace(day=1))


def staff_work(organization: Organization, owner: User, at: datetime) -> None:
    """What staff and the watch over the trail leave: notes, a look, an alert that was resolved."""
    write_note(owner, note="Pays by transfer.", is_flagged=True, by=colleague("support"))
    ask_to_look(colleague("admin"), owner, reason="Asked about an invoice")
    resolve(alert(TrailAlert.Kind.LATE, "The last seal is an hour old.", at=at), at=at)
    request_export(owner)


def seal(at: datetime) -> None:
    """Add a seal over nothing: within a test's transaction no row of the trail is final."""
    head = Seal.objects.order_by("-seq").first()
    seq = head.seq + 1 if head else 1
    previous = bytes(head.hash) if head else sha256(b"").digest()
    digest = sha256(str(seq).encode()).digest()
    columns = (
        "seq, kind, system_id, after_id, covered_id, from_txid, until_txid, row_count,"
        " canon_version, rows_digest, previous, hash, key_id, mac, sealed_at"
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO audit.seals ({columns}) VALUES (%s, 'window', 'test', 0, 0, '3', '4', 0,"
            " 1, %s, %s, %s, 'test', '', %s)",
            [seq, digest, previous, digest, at],
        )


def fill(count: int, *, at: datetime, start: int = 0) -> None:
    """Make `count` customers, so that each list of the back office has as many rows or more.

    Each has a paid license, a device, a failed payment, a trial, programs with keys and use, an
    invitation, notes of staff, and what their apps and the watch over the trail leave behind.
    """
    price = PriceFactory.create()
    trial = Product.objects.filter(grants__has_key="trial").first() or trial_product()
    desk = colleague("admin")  # whom one trial for each mail domain does not bind
    for number in range(start, start + count):
        organization, owner = customer(number)
        license = purchase(organization, owner, price, at - timedelta(days=1))
        device(license, number, now())
        failed_payment(organization, price, at - timedelta(hours=1))
        webhook(number, at)
        leave_traces(owner, number)
        program(organization, owner, at)
        with context.acting(organization_id=organization.pk):
            start_trial(organization, product=trial, name=f"Lab {number}", by=desk, at=at)
        notify(organization.pk, "member_joined", title="Bob joined")
        invitation_of(organization, f"guest{number}@example.com")
        staff_work(organization, owner, at)
        seal(at)
    alert(TrailAlert.Kind.LATE, "The last seal is an hour old.", at=at)

"""The customer: whom invoices name, who they are at the payment vendor, which cards they keep."""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from django.db import transaction

from accounts.models import Membership, Organization
from billing.gateways import stripe
from billing.gateways.types import SavedCard as VendorCard
from billing.models import BillingProfile, SavedCard
from billing.rules.orders import CardNotFound, CountryInvalid, VatNumberInvalid
from billing.rules.tax import compact_vat_id

logger = structlog.get_logger(__name__)


def profile_of(organization: Organization) -> BillingProfile:
    """Return the billing profile, made from what sign-up asked for when there is none yet."""
    profile: BillingProfile
    profile, _ = BillingProfile.objects.for_organization(organization).get_or_create(
        organization=organization,
        defaults={"legal_name": organization.name, "country": organization.country},
    )
    return profile


@transaction.atomic
def describe_customer(
    organization: Organization, *, legal_name: str, address: str, country: str, vat_id: str
) -> BillingProfile:
    """Store whom invoices are made out to from now on; a VAT number must fit the country."""
    country = country.upper()
    if len(country) != 2 or not country.isascii() or not country.isalpha():
        raise CountryInvalid
    number = compact_vat_id(country, vat_id)
    if vat_id.strip() and not number:
        raise VatNumberInvalid
    profile = _lock_profile(organization)
    profile.legal_name, profile.address = legal_name, address
    profile.country, profile.vat_id = country, number
    profile.save(update_fields=["legal_name", "address", "country", "vat_id"])
    return profile


def ensure_stripe_customer(organization: Organization) -> str:
    """Return the customer's id at Stripe, creating it there once. Not inside a transaction.

    What is asked is stored before it is sent: a lost answer is asked for again in the same
    words under the same key.
    """
    profile = _prepare_stripe_customer(organization)
    if profile.stripe_customer_id:
        return profile.stripe_customer_id
    request = profile.stripe_customer_request
    assert request is not None, "written before, in the transaction that has committed"
    customer = stripe.create_customer(
        name=request["name"],
        email=request["email"],
        metadata={"organization_id": str(organization.pk)},
        idempotency_key=f"customer:{organization.pk}",
    )
    BillingProfile.objects.for_organization(organization).filter(stripe_customer_id=None).update(
        stripe_customer_id=customer.id
    )
    return profile_of(organization).stripe_customer_id or customer.id


@transaction.atomic
def _prepare_stripe_customer(organization: Organization) -> BillingProfile:
    profile = _lock_profile(organization)
    if not profile.stripe_customer_id and not profile.stripe_customer_request:
        owner = Membership.objects.for_organization(organization).filter(role="owner")
        first = owner.select_related("user").first()
        profile.stripe_customer_request = {
            "name": profile.legal_name or organization.name,
            "email": first.user.email if first else "",
        }
        profile.save(update_fields=["stripe_customer_request"])
    return profile


def _lock_profile(organization: Organization) -> BillingProfile:
    key = profile_of(organization).pk
    profile: BillingProfile = BillingProfile.objects.select_for_update().get(pk=key)
    return profile


def refresh_cards(customer_id: str) -> None:
    """Bring our list of a customer's cards to what Stripe has. Not inside a transaction."""
    profile = BillingProfile.objects.filter(stripe_customer_id=customer_id).first()
    if profile is None:
        logger.warning("cards.customer_unknown", customer_id=customer_id)
        return
    store_cards(profile, stripe.list_cards(customer_id=customer_id))


@transaction.atomic
def store_cards(profile: BillingProfile, cards: Sequence[VendorCard]) -> list[SavedCard]:
    """Keep exactly these cards; the first is the default until the customer chooses."""
    BillingProfile.objects.select_for_update().get(pk=profile.pk)
    kept = SavedCard.objects.for_organization(profile.organization_id)
    kept.exclude(stripe_payment_method_id__in=[card.id for card in cards]).delete()
    for card in cards:
        kept.update_or_create(
            stripe_payment_method_id=card.id,
            organization_id=profile.organization_id,
            defaults={
                "brand": card.brand,
                "last4": card.last4,
                "exp_month": card.exp_month,
                "exp_year": card.exp_year,
            },
        )
    newest = kept.order_by("-created_at", "-id").first()
    if newest is not None and not kept.filter(is_default=True).exists():
        newest.is_default = True
        newest.save(update_fields=["is_default"])
    return list(kept.all())


@transaction.atomic
def choose_default_card(card: SavedCard) -> SavedCard:
    """Charge this card from now on."""
    profile = BillingProfile.objects.for_organization(card.organization_id)
    profile.select_for_update().get()
    cards = SavedCard.objects.for_organization(card.organization_id)
    cards.exclude(pk=card.pk).filter(is_default=True).update(is_default=False)
    cards.filter(pk=card.pk).update(is_default=True)
    card.refresh_from_db()
    return card


def forget_card(organization: Organization, card: SavedCard) -> None:
    """Remove a card at Stripe, then here; repeating is harmless. Not inside a transaction."""
    if card.organization_id != organization.pk:
        raise CardNotFound
    stripe.detach_card(
        card_id=card.stripe_payment_method_id, idempotency_key=f"card:{card.pk}:detach"
    )
    SavedCard.objects.for_organization(organization).filter(pk=card.pk).delete()

"""The currency a customer is billed in: theirs to choose until the first order."""

from __future__ import annotations

from django.db import transaction

from accounts.models import Organization
from billing.models import BillingProfile, Order
from billing.services.customers import profile_of
from config.kit.errors import Conflict


class CurrencyFixed(Conflict):
    code = "currency_fixed"
    message = "The currency cannot change once something was ordered in it."


def currency_is_fixed(organization: Organization) -> bool:
    return Order.objects.for_organization(organization).exists()


@transaction.atomic
def choose_currency(organization: Organization, currency: str) -> BillingProfile:
    """Bill in this currency from the first order on; choosing it again changes nothing."""
    known = profile_of(organization)
    profile: BillingProfile = BillingProfile.objects.select_for_update().get(pk=known.pk)
    if profile.currency == currency:
        return profile
    if currency_is_fixed(organization):
        raise CurrencyFixed(currency=profile.currency)
    profile.currency = currency
    profile.save(update_fields=["currency"])
    return profile

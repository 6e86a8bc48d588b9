"""What a purchase or the next period will cost, by the same rules that bill it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from billing.models import BillingProfile
from billing.rules import tax
from billing.services.invoices import decide_tax
from config.kit.money import Money


@dataclass(frozen=True, slots=True)
class Quote:
    """A price with its VAT; `rate` is in percent, `note` says why a customer pays none."""

    net: Money
    tax: Money
    rate: Decimal
    note: str

    @property
    def total(self) -> Money:
        return self.net + self.tax


def quote(profile: BillingProfile, net: Money, at: datetime) -> Quote:
    """Return what `net` comes to for this customer; the country must be known."""
    assert profile.country, "VAT depends on the country"
    decision = decide_tax(profile, at.date())
    (vat,) = tax.tax_of_lines([(net.minor, decision.rate)])
    return Quote(net, Money(vat, net.currency), decision.rate, decision.note)

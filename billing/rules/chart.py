"""The chart of accounts, and which accounts an event of the business moves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class AccountKind(StrEnum):
    ASSET = "asset"
    LIABILITY = "liability"
    REVENUE = "revenue"


@dataclass(frozen=True, slots=True)
class Account:
    """One ledger account by its code; accounts of one customer name the organization."""

    code: str
    kind: AccountKind
    currency: str
    organization_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Leg:
    """One side of a posting in minor units: positive debits, negative credits."""

    account: Account
    amount_minor: int


def receivable(organization_id: UUID, currency: str) -> Account:
    """What one customer owes us."""
    code = f"receivable:{organization_id}:{currency}"
    return Account(code, AccountKind.ASSET, currency, organization_id)


def revenue(kind: str, currency: str) -> Account:
    return Account(f"revenue:{kind}:{currency}", AccountKind.REVENUE, currency)


def vat_payable(country: str, currency: str) -> Account:
    """VAT collected for one country."""
    return Account(f"vat_payable:{country}:{currency}", AccountKind.LIABILITY, currency)


def stripe_clearing(currency: str) -> Account:
    """Money that Stripe has taken for us and not yet paid out."""
    return Account(f"stripe_clearing:{currency}", AccountKind.ASSET, currency)


def invoice_legs(
    organization_id: UUID, currency: str, nets: Iterable[tuple[str, int]], tax: tuple[str, int]
) -> list[Leg]:
    """An invoice becomes owed: `nets` are (product kind, net), `tax` is (country, VAT)."""
    by_kind: dict[str, int] = {}
    for kind, net in nets:
        by_kind[kind] = by_kind.get(kind, 0) + net
    country, vat = tax
    total = sum(by_kind.values()) + vat
    legs = [Leg(receivable(organization_id, currency), total)]
    legs += [Leg(revenue(kind, currency), -net) for kind, net in by_kind.items() if net]
    if vat:
        legs.append(Leg(vat_payable(country, currency), -vat))
    return legs


def payment_legs(organization_id: UUID, currency: str, amount_minor: int) -> list[Leg]:
    """A customer's payment arrives at Stripe."""
    return [
        Leg(stripe_clearing(currency), amount_minor),
        Leg(receivable(organization_id, currency), -amount_minor),
    ]

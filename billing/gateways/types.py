"""What the payment vendor tells us, in our words; no vendor type leaves the gateway."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from config.kit.errors import DomainError
from config.kit.money import Money

Raw = Mapping[str, Any]


class PaymentStatus(StrEnum):
    """Where one payment stands. Only `SUCCEEDED` means that money was taken."""

    REQUIRES_CONFIRMATION = "requires_confirmation"  # made, not tried yet
    REQUIRES_ACTION = "requires_action"  # the card's owner is asked (3D Secure)
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"  # declined; wants another card
    CANCELED = "canceled"


class CheckoutStatus(StrEnum):
    OPEN = "open"
    COMPLETE = "complete"
    EXPIRED = "expired"


class RefundStatus(StrEnum):
    PENDING = "pending"
    REQUIRES_ACTION = "requires_action"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


class RefundReason(StrEnum):
    DUPLICATE = "duplicate"
    FRAUDULENT = "fraudulent"
    REQUESTED_BY_CUSTOMER = "requested_by_customer"


@dataclass(frozen=True, slots=True)
class GatewayCustomer:
    id: str
    email: str
    name: str
    raw: Raw = field(repr=False)


@dataclass(frozen=True, slots=True)
class SavedCard:
    id: str
    customer_id: str | None
    brand: str
    last4: str
    exp_month: int
    exp_year: int
    country: str | None  # evidence for VAT: where the card was issued
    fingerprint: str | None
    raw: Raw = field(repr=False)


@dataclass(frozen=True, slots=True)
class PaymentOutcome:
    """One payment as the vendor sees it now.

    `fee_minor` is unknown until the vendor has booked the charge, which may be later.
    """

    id: str
    status: PaymentStatus
    amount_minor: int
    received_minor: int
    refunded_minor: int
    currency: str  # ISO 4217, upper case
    customer_id: str | None
    card_id: str | None
    card_brand: str
    card_last4: str
    charge_id: str | None
    fee_minor: int | None
    receipt_url: str | None
    decline_code: str | None
    decline_message: str
    action_url: str | None  # where the owner proves who they are
    created_at: datetime
    metadata: Mapping[str, str]
    raw: Raw = field(repr=False)

    @property
    def amount(self) -> Money:
        return Money(self.amount_minor, self.currency)

    @property
    def received(self) -> Money:
        return Money(self.received_minor, self.currency)


@dataclass(frozen=True, slots=True)
class RefundOutcome:
    id: str
    payment_id: str | None
    charge_id: str | None
    status: RefundStatus
    amount_minor: int
    currency: str
    created_at: datetime
    metadata: Mapping[str, str]
    raw: Raw = field(repr=False)

    @property
    def amount(self) -> Money:
        return Money(self.amount_minor, self.currency)


@dataclass(frozen=True, slots=True)
class CardSetup:
    """A card being saved without a payment."""

    id: str
    status: PaymentStatus
    client_secret: str = field(repr=False)
    customer_id: str | None
    card_id: str | None
    raw: Raw = field(repr=False)


@dataclass(frozen=True, slots=True)
class HostedCheckout:
    """The vendor's own page where somebody pays or saves a card.

    `url` is None once the page is over. `paid` is the vendor's word; the money is booked
    from `payment`, never from the customer's return.
    """

    id: str
    url: str | None
    status: CheckoutStatus
    paid: bool
    reference: str
    amount_minor: int | None
    currency: str | None
    customer_id: str | None
    payment_id: str | None
    setup_id: str | None
    payment: PaymentOutcome | None
    card: SavedCard | None
    expires_at: datetime
    metadata: Mapping[str, str]
    raw: Raw = field(repr=False)


@dataclass(frozen=True, slots=True)
class VendorEvent:
    """A notice that something changed. Its snapshot may be old: fetch the object again."""

    id: str
    kind: str
    object_kind: str
    object_id: str
    live: bool
    created_at: datetime
    raw: Raw = field(repr=False)


class CardDeclined(DomainError):
    """The bank said no. `payment` is the failed payment where the vendor sent it along."""

    code: ClassVar[str] = "card_declined"
    status: ClassVar[int] = 402
    message: ClassVar[str] = "The card was declined."

    def __init__(
        self, message: str = "", *, decline_code: str, payment: PaymentOutcome | None = None
    ) -> None:
        super().__init__(message, decline_code=decline_code)
        self.decline_code = decline_code
        self.payment = payment


class BadSignature(DomainError):
    """A notice that the vendor did not sign, or not recently. Never stored."""

    code: ClassVar[str] = "bad_signature"
    status: ClassVar[int] = 400
    message: ClassVar[str] = "The signature does not match."

"""What may be ordered, and how it is refused."""

from __future__ import annotations

from config.kit.errors import Conflict, DomainError, NotFound

MOST = 1000


class QuantityRefused(DomainError):
    code = "invalid_quantity"
    status = 422
    message = f"Order 1 to {MOST} of a product."


class PriceNotOnSale(Conflict):
    code = "price_not_on_sale"
    message = "This is not on sale any more. Choose again from the catalogue."


class CurrencyMismatch(Conflict):
    code = "currency_mismatch"
    message = "Your account is billed in another currency."


class NothingToPay(Conflict):
    code = "nothing_to_pay"
    message = "This costs nothing and cannot be ordered through a payment."


class BillingDetailsMissing(Conflict):
    code = "billing_details_missing"
    message = "Add the country of your organization: the tax of an order depends on it."


class OrganizationNotActive(Conflict):
    code = "organization_not_active"
    message = "This organization cannot order at the moment."


class ClientKeyReused(DomainError):
    code = "client_key_reused"
    status = 422
    message = "This key was used for another order."


class CardNotFound(NotFound):
    code = "card_not_found"
    message = "There is no such saved card."


class OrderNotOpen(Conflict):
    code = "order_not_open"
    message = "This order is completed or cancelled."


class PaymentInProgress(Conflict):
    code = "payment_in_progress"
    message = "A payment of this order is under way. Wait until it has ended."


class PaymentNotOpen(Conflict):
    code = "payment_not_open"
    message = "This payment has ended. Start a new one from the order."


class VatNumberInvalid(DomainError):
    code = "invalid_vat_id"
    status = 422
    message = "This is not a VAT number of the country you chose."


class CountryInvalid(DomainError):
    code = "invalid_country"
    status = 422
    message = "Give the country by its two letters, for example DE."


def require_quantity(quantity: int) -> None:
    if not 1 <= quantity <= MOST:
        raise QuantityRefused(quantity=quantity)

"""Did they pay: catalogue, orders, subscriptions, invoices, payments, ledger, inbox."""

from __future__ import annotations

from billing.models.catalog import Interval, Price, Product
from billing.models.customer import BillingProfile, SavedCard
from billing.models.inbox import StripeEvent
from billing.models.invoice import Invoice, InvoiceDocument, InvoiceLine, InvoiceSeries
from billing.models.ledger import LedgerAccount, LedgerEntry, LedgerTransaction
from billing.models.order import Order, OrderItem
from billing.models.payment import PaymentAttempt, Transaction
from billing.models.subscription import BillingPeriod, Subscription
from billing.models.usage import QuotaAlert, UsageRecord

__all__ = [
    "BillingPeriod",
    "BillingProfile",
    "Interval",
    "Invoice",
    "InvoiceDocument",
    "InvoiceLine",
    "InvoiceSeries",
    "LedgerAccount",
    "LedgerEntry",
    "LedgerTransaction",
    "Order",
    "OrderItem",
    "PaymentAttempt",
    "Price",
    "Product",
    "QuotaAlert",
    "SavedCard",
    "StripeEvent",
    "Subscription",
    "Transaction",
    "UsageRecord",
]

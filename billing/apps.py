"""The billing storey: what is sold, owed, paid and provided."""

from __future__ import annotations

from typing import ClassVar

from django.apps import AppConfig

from accounts.rules.event_types import EventType
from billing.rules.webhook_events import EVENTS
from config.kit.audited import Audited, Unaudited


class BillingConfig(AppConfig):
    name = "billing"
    webhook_events: ClassVar[tuple[EventType, ...]] = EVENTS
    audited: ClassVar[list[Audited]] = [
        Audited("billing_product", organization=""),
        Audited("billing_price", organization=""),
        Audited(
            "billing_billingprofile",
            pii=("legal_name", "address", "vat_id"),
            subject="organization_id",
        ),
        Audited("billing_savedcard", subject="organization_id"),
        Audited("billing_order"),
        Audited("billing_orderitem"),
        Audited("billing_subscription"),
        Audited("billing_billingperiod"),
        Audited("billing_invoice", pii=("buyer",), subject="organization_id"),
        Audited(
            "billing_paymentattempt",
            skip=("updated_at", "lease_until", "tries"),
            mask=("checkout_url",),
        ),
        Audited("billing_transaction"),
    ]
    unaudited: ClassVar[list[Unaudited]] = [
        Unaudited("billing_invoiceline", "written once with its invoice, then frozen by a trigger"),
        Unaudited("billing_invoiceseries", "a counter; each number is on an audited invoice"),
        Unaudited("billing_invoicedocument", "made once from an invoice; its hash proves it"),
        Unaudited("billing_ledgeraccount", "written with the first posting to it, never changed"),
        Unaudited("billing_ledgertransaction", "itself append-only, by the database"),
        Unaudited("billing_ledgerentry", "itself append-only, by the database"),
        Unaudited("billing_usagerecord", "itself append-only, by the database"),
        Unaudited("billing_quotaalert", "itself a log of what was told"),
        Unaudited("billing_stripeevent", "itself a log of what the vendor sent"),
    ]

    def ready(self) -> None:
        import billing.receivers  # noqa: F401

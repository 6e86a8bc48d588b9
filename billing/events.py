"""What billing announces to the storeys above, inside the transaction that changed it."""

from __future__ import annotations

from django.dispatch import Signal

product_publishing = Signal()
"""Sent with `kind` and `grants`: a product is about to be written. A receiver that could not give
what it grants vetoes by raising `InvalidInput`."""

usage_metering = Signal()
"""Sent with `since`: hours from then on are about to be booked. A receiver answers with the API
keys whose calls cost nothing, as a dict: the key's id, and a pair: the moment that this ends or ended,
and the name of the API that it holds for, empty for all."""

api_plans_renewing = Signal()
"""Sent with `organization` and `at`: what its keys may use is about to be stored. A receiver answers with
what is being tried then, as a dict: the API's name, empty for all, and an Allowance."""

subscription_activated = Signal()
"""Sent with `subscription`: it is paid for, its product may be provided."""

subscription_cancelled = Signal()
"""Sent with `subscription`: it will end with its period."""

subscription_resumed = Signal()
"""Sent with `subscription`: a cancellation was taken back."""

subscription_ended = Signal()
"""Sent with `subscription`: its product must no longer be provided."""

invoice_paid = Signal()
"""Sent with `invoice`: it is paid in full."""

payment_failed = Signal()
"""Sent with `attempt`: it was declined or given up, and no money moved."""

payment_requested = Signal()
"""Sent with `attempt`: a saved card is to be charged."""

vendor_event_stored = Signal()
"""Sent with `event_id`: the payment vendor says that something changed."""

quota_threshold_reached = Signal()
"""Sent with `alert`, a QuotaAlert: 80 or 100 percent of a month's quota are used."""

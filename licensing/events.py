"""What licensing announces to the storeys above, inside the transaction that changed it."""

from __future__ import annotations

from django.dispatch import Signal

license_issued = Signal()
"""Sent with `license`: a new key exists."""

license_status_changed = Signal()
"""Sent with `license` and `former`, the status it had."""

device_activated = Signal()
"""Sent with `device`: it holds a seat now and did not before."""

device_deactivated = Signal()
"""Sent with `device`: its seat is free and its token is dead."""

trial_started = Signal()
"""Sent with `trial`: a workspace exists, its license may still be missing."""

trial_ended = Signal()
"""Sent with `trial`: it expired or was cancelled."""

trial_converted = Signal()
"""Sent with `trial`: it goes on as the subscription it names."""

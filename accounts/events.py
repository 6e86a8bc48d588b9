"""What the ground floor announces to the storeys above, inside the transaction."""

from __future__ import annotations

from django.dispatch import Signal

organization_created = Signal()
"""Sent with `organization`: a new customer exists."""

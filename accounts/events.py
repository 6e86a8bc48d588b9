"""What the ground floor announces to the storeys above, inside the transaction."""

from __future__ import annotations

from django.dispatch import Signal

organization_created = Signal()
"""Sent with `organization`: a new customer exists."""

credentials_changed = Signal()
"""Sent with `user` and `keep` (the key of the one session that goes on, or None): their password
changed, or they were locked out. Everything else that lets them in ends with it."""

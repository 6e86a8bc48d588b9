"""Outgoing webhooks: what happens in here is told to the addresses that customers name."""

from __future__ import annotations

from accounts.services.webhooks.announcing import announce

__all__ = ["announce"]

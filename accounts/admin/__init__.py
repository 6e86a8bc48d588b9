"""The ground floor in the back office: people, customers, the audit trail."""

from __future__ import annotations

from accounts.admin import bulk, customers, keys, privacy, seals, team, tokens, trail, webhooks

__all__ = ["bulk", "customers", "keys", "privacy", "seals", "team", "tokens", "trail", "webhooks"]

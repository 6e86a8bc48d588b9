"""The ground floor in the back office: people, customers, the audit trail."""

from __future__ import annotations

from accounts.admin import customers, keys, privacy, seals, team, tokens, trail, webhooks

__all__ = ["customers", "keys", "privacy", "seals", "team", "tokens", "trail", "webhooks"]

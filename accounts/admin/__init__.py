"""The ground floor in the back office: people, customers, the audit trail."""

from __future__ import annotations

from accounts.admin import customers, seals, trail

__all__ = ["customers", "seals", "trail"]

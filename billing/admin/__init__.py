"""Billing in the back office: the catalogue to edit, everything with money in it to look at."""

from __future__ import annotations

from billing.admin import catalog, inbox, payments, sales, usage

__all__ = ["catalog", "inbox", "payments", "sales", "usage"]

"""Bulk actions in the background: registered by each storey, begun by a page, done item by item."""

from __future__ import annotations

from accounts.services.bulk.actions import BulkAction, action_of, register
from accounts.services.bulk.running import run_job
from accounts.services.bulk.starting import MOST, TooManyItems, retry_failed, start_job

__all__ = [
    "MOST",
    "BulkAction",
    "TooManyItems",
    "action_of",
    "register",
    "retry_failed",
    "run_job",
    "start_job",
]

"""The back office's own pages: customers in whole, notes, settings of the installation."""

from __future__ import annotations

from support.admin import customers, libraries, live_settings, notes, people

__all__ = ["customers", "libraries", "live_settings", "notes", "people"]

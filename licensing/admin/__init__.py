"""Licensing in the back office: licenses, devices, trials."""

from __future__ import annotations

from licensing.admin import licenses, trials

__all__ = ["licenses", "trials"]

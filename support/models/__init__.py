"""What staff keep: notes about people."""

from __future__ import annotations

from support.models.note import AdminNote

__all__ = ["AdminNote"]

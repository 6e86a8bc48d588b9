"""Django looks for date formats here, by language."""

from __future__ import annotations

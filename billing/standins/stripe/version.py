"""The one version of Stripe's API that the stand-in speaks."""

from __future__ import annotations

from typing import Final

API_VERSION: Final = "2026-10-28.endive"

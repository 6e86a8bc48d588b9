"""May they: licenses and the devices that use them."""

from __future__ import annotations

from licensing.models.device import DeviceLink
from licensing.models.license import License

__all__ = ["DeviceLink", "License"]

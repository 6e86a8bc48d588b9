"""May they: licenses, the devices that use them, and trials."""

from __future__ import annotations

from licensing.models.device import DeviceLink
from licensing.models.license import License
from licensing.models.trial import TrialApiKey, TrialWorkspace

__all__ = ["DeviceLink", "License", "TrialApiKey", "TrialWorkspace"]

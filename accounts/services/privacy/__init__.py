"""What the law gives a person: a copy of their data, and to be forgotten."""

from __future__ import annotations

from accounts.services.privacy.erasure import erase_user
from accounts.services.privacy.exports import request_export

__all__ = ["erase_user", "request_export"]

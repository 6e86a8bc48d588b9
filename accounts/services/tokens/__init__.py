"""API sessions: access tokens, refresh tokens, and handing a login over to an app."""

from __future__ import annotations

from accounts.services.tokens.ending import revoke_everything

__all__ = ["revoke_everything"]

"""Credentials of the REST API."""

from __future__ import annotations

from typing import Any

from rest_framework import authentication


class SessionAuthentication(authentication.SessionAuthentication):
    """The dashboard's own session, with CSRF enforced; nobody answers 401, not 403."""

    def authenticate_header(self, request: Any) -> str:
        return 'Session realm="switchyard"'

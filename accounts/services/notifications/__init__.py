"""Notifications: what an organization's people are told, on the site, by mail and by webhook."""

from __future__ import annotations

from accounts.services.notifications.telling import notify

__all__ = ["notify"]

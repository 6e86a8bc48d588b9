"""Who is it: people, organizations, and what they did."""

from __future__ import annotations

from accounts.models.activity import UserActivity
from accounts.models.api_key import ApiAllowance, ApiKey
from accounts.models.audit import AuditLog
from accounts.models.avatar import Avatar
from accounts.models.idempotency import IdempotencyRecord
from accounts.models.invitation import Invitation
from accounts.models.organization import Membership, Organization
from accounts.models.user import User

__all__ = [
    "ApiAllowance",
    "ApiKey",
    "AuditLog",
    "Avatar",
    "IdempotencyRecord",
    "Invitation",
    "Membership",
    "Organization",
    "User",
    "UserActivity",
]

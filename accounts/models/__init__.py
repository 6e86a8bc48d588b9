"""Who is it: people, organizations, and what they did."""

from __future__ import annotations

from accounts.models.activity import UserActivity
from accounts.models.api_key import ApiAllowance, ApiKey
from accounts.models.audit import AuditLog
from accounts.models.avatar import Avatar
from accounts.models.handover import BridgeToken, DeviceAuthorization
from accounts.models.idempotency import IdempotencyRecord
from accounts.models.invitation import Invitation
from accounts.models.organization import Membership, Organization
from accounts.models.refresh_token import RefreshToken
from accounts.models.sync_log import SyncLog
from accounts.models.user import User

__all__ = [
    "ApiAllowance",
    "ApiKey",
    "AuditLog",
    "Avatar",
    "BridgeToken",
    "DeviceAuthorization",
    "IdempotencyRecord",
    "Invitation",
    "Membership",
    "Organization",
    "RefreshToken",
    "SyncLog",
    "User",
    "UserActivity",
]

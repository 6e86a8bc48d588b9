"""Who is it: people, organizations, and what they did."""

from __future__ import annotations

from accounts.models.account_mail import AccountMail
from accounts.models.activity import UserActivity
from accounts.models.api_call import ApiCall, CallRecording, HourlyCalls, StoredCall, StoredHour
from accounts.models.api_key import ApiAllowance, ApiKey
from accounts.models.audit import AuditLog
from accounts.models.avatar import Avatar
from accounts.models.bulk import BulkItem, BulkJob
from accounts.models.handover import BridgeToken, DeviceAuthorization
from accounts.models.idempotency import IdempotencyRecord
from accounts.models.invitation import Invitation
from accounts.models.notification import (
    Notification,
    NotificationMail,
    NotificationRead,
    NotificationRule,
)
from accounts.models.organization import Membership, Organization
from accounts.models.privacy import DataExport, Impersonation
from accounts.models.refresh_token import RefreshToken
from accounts.models.seal import Seal, TrailAlert
from accounts.models.sync_log import SyncLog
from accounts.models.user import User
from accounts.models.webhook import (
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
)

__all__ = [
    "AccountMail",
    "ApiAllowance",
    "ApiCall",
    "ApiKey",
    "AuditLog",
    "Avatar",
    "BridgeToken",
    "BulkItem",
    "BulkJob",
    "CallRecording",
    "DataExport",
    "DeviceAuthorization",
    "HourlyCalls",
    "IdempotencyRecord",
    "Impersonation",
    "Invitation",
    "Membership",
    "Notification",
    "NotificationMail",
    "NotificationRead",
    "NotificationRule",
    "Organization",
    "RefreshToken",
    "Seal",
    "StoredCall",
    "StoredHour",
    "SyncLog",
    "TrailAlert",
    "User",
    "UserActivity",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookEvent",
]

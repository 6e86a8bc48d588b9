"""The ground floor: identity, credentials, audit."""

from __future__ import annotations

from typing import ClassVar

from django.apps import AppConfig

from accounts.rules.event_types import EventType
from accounts.rules.webhook_events import EVENTS
from config.kit.audited import Audited, Unaudited

_PERSONAL = ("email", "username", "first_name", "last_name", "phone", "avatar")


class AccountsConfig(AppConfig):
    name = "accounts"
    webhook_events: ClassVar[tuple[EventType, ...]] = EVENTS
    audited: ClassVar[list[Audited]] = [
        Audited("accounts_callrecording"),
        Audited(
            "accounts_user",
            skip=("updated_at", "last_login"),
            mask=("password",),
            pii=_PERSONAL,
            subject="id",
            organization="",
        ),
        # A personal organization bears its founder's name.
        Audited("accounts_organization", pii=("name",), subject="created_by_id", organization="id"),
        Audited(
            "accounts_membership",
            skip=("updated_at", "last_active_at", "first_steps_hidden_at"),
            subject="user_id",
        ),
        Audited(
            "accounts_invitation",
            skip=("updated_at", "sent_at", "token_hash", "mail_due_at"),
            mask=("token_hash",),
            pii=("email",),
        ),
        Audited(
            "accounts_apikey",
            skip=(
                "updated_at", "version", "published_version", "usage_count", "last_used_at",
                "last_used_ip", "revoked_reason",
            ),
            mask=("key_hash",),
        ),
        Audited("accounts_apiallowance"),
        Audited(
            "accounts_webhookendpoint",
            skip=("updated_at", "failing_since", "failure_streak"),
            mask=("secret_sealed", "former_secret_sealed"),
        ),
        Audited("accounts_notificationrule"),
        Audited("account_emailaddress", pii=("email",), subject="user_id", organization=""),
        Audited(
            "socialaccount_socialaccount", skip=("last_login", "extra_data"), mask=("extra_data",),
            pii=("uid",), subject="user_id", organization="",
        ),
        Audited(
            "mfa_authenticator", skip=("last_used_at",), mask=("data",), subject="user_id",
            organization="",
        ),
        Audited(
            "accounts_dataexport", skip=("updated_at", "claimed_until"), pii=("list_query",),
            subject="user_id",
        ),
        Audited(
            "accounts_bulkjob",
            # Free text of a customer may name anybody, and the trail is never edited.
            skip=("updated_at", "status", "claimed_until", "params"),
            subject="user_id",
        ),
        Audited("accounts_impersonation", organization=""),
        Audited(
            "accounts_trailalert",
            skip=("updated_at", "seen_at", "mailed_at", "posted_at", "detail"),
            organization="",
        ),
        Audited("constance_constance", skip=(), organization=""),
    ]  # fmt: skip
    unaudited: ClassVar[list[Unaudited]] = [
        Unaudited("accounts_idempotencyrecord", "copies of answers; the change itself is audited"),
        Unaudited(
            "accounts_useractivity",
            "made from business events, which the trail holds",
            subject="user_id",
        ),
        Unaudited("accounts_bulkitem", "itself a log of what a job did; each change is audited"),
        Unaudited("accounts_webhookevent", "itself a log of what happened; the cause is audited"),
        Unaudited("accounts_webhookdelivery", "itself a log of what was told to whom"),
        Unaudited("accounts_webhookattempt", "itself a log of each try"),
        Unaudited("accounts_notification", "tells of what the trail holds", subject="user_id"),
        Unaudited(
            "accounts_notificationread", "what a person has looked at is theirs", subject="user_id"
        ),
        Unaudited(
            "accounts_notificationmail",
            "a queue; mails say what the trail holds",
            subject="user_id",
        ),
        Unaudited("accounts_accountmail", "a queue; what each mail tells of is recorded"),
        Unaudited("account_emailconfirmation", "stays empty: confirmation links are signed"),
        Unaudited(
            "accounts_avatar",
            "pictures; the person's `avatar` names the current one",
            subject="user_id",
        ),
        Unaudited("socialaccount_socialapp", "stays empty: providers come from the environment"),
        Unaudited("socialaccount_socialtoken", "stays empty: providers' tokens are not kept"),
        Unaudited(
            "usersessions_usersession",
            "last visits; beginnings and ends are events",
            subject="user_id",
            mask=("session_key",),
        ),
        Unaudited(
            "accounts_refreshtoken",
            "rotates all day; beginnings, reuse, ends are events",
            subject="user_id",
            mask=("token_hash",),
        ),
        Unaudited(
            "accounts_bridgetoken",
            "lives a minute; consent and redemption are events",
            subject="user_id",
            mask=("token_hash", "challenge"),
        ),
        Unaudited(
            "accounts_deviceauthorization",
            "lives minutes; decisions are events",
            subject="user_id",
            mask=("device_hash", "user_code_hash"),
        ),
        Unaudited("accounts_synclog", "itself a log, kept for a time", subject="user_id"),
        Unaudited("django_session", "session contents; logins are recorded as events"),
        Unaudited("django_content_type", "written by migrations only"),
        Unaudited("django_migrations", "written by migrations only"),
        Unaudited(
            "django_admin_log", "itself a log: which page was confirmed; changes are audited"
        ),
        Unaudited("auth_permission", "written by migrations; Switchyard's roles are code"),
        Unaudited("auth_group", "not used; Switchyard's roles are code"),
        Unaudited("auth_group_permissions", "not used; Switchyard's roles are code"),
    ]

    def ready(self) -> None:
        import accounts.receivers  # noqa: F401

"""What happens next on the ground floor: allauth's announcements become audit events."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from allauth.account.internal.flows.login import record_authentication
from allauth.account.signals import (
    email_changed,
    email_confirmed,
    password_changed,
    password_reset,
    password_set,
    user_logged_in,
    user_logged_out,
    user_signed_up,
)
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added, authenticator_removed
from allauth.socialaccount.signals import social_account_added, social_account_removed
from constance.signals import config_updated
from django.contrib.auth.signals import user_login_failed
from django.dispatch import receiver
from django.utils.timezone import now

from accounts import events, tasks
from accounts.models import (
    AccountMail,
    ApiKey,
    BulkJob,
    DataExport,
    Invitation,
    Membership,
    Organization,
    TrailAlert,
    User,
)
from accounts.services import (
    addresses,
    announcements,
    audit,
    factor_mail,
    impersonation,
    keys,
    live,
    sessions,
    sign_in,
    tokens,
)
from accounts.services.bulk import register
from accounts.services.factors import SECOND_FACTORS, spend_current_code
from accounts.services.keys.bulk import REVOKE
from accounts.services.keys.publishing import publish_organization_after_commit
from accounts.services.privacy import exports
from accounts.services.tokens import warning
from accounts.services.webhooks.bulk import REPLAY
from accounts.web.team import arrivals
from config.kit.tasks import after_commit

register(REVOKE, REPLAY)


@receiver(user_logged_in)
def _logged_in(request: Any, user: User, **_: Any) -> None:
    announcements.signed_in(user)
    sign_in.note_login(user)
    sessions.note_session(request.session, at=now())


@receiver(user_logged_out)
def _logged_out(request: Any, user: User | None, **_: Any) -> None:
    if user is not None:
        audit.record("user.logged_out", user)
        impersonation.end_looks_of(user, at=now())


@receiver(user_login_failed)
def _login_failed(**_: Any) -> None:
    sign_in.note_failure()


@receiver(email_confirmed)
def _email_confirmed(email_address: Any, **_: Any) -> None:
    audit.record("user.email_confirmed", email_address.user)
    keys.confirm_keys_of(email_address.user)


@receiver(email_changed)
def _email_changed(user: User, **_: Any) -> None:
    audit.record("user.email_changed", user)


@receiver([password_changed, password_set])
def _password_changed(request: Any, user: User, **_: Any) -> None:
    sign_in.note_new_password(user, keep=request.session.session_key)


@receiver(password_reset)
def _password_reset(user: User, **_: Any) -> None:
    sign_in.note_new_password(user, keep=None)
    addresses.drop_unproven_connections(user)


@receiver(authenticator_added)
def _authenticator_added(request: Any, user: User, authenticator: Any, **_: Any) -> None:
    audit.record("user.second_factor_added", user, kind=authenticator.type)
    if authenticator.type in SECOND_FACTORS and request.user.is_authenticated:
        # Whoever enrols has just proved to hold the factor: the session may do what it allows,
        # under a new key.
        facts = {"id": authenticator.pk, "type": authenticator.type}
        record_authentication(request, user, "mfa", **facts)
        sessions.renew_session(request.session)
    if authenticator.type == Authenticator.Type.TOTP:
        spend_current_code(authenticator)


@receiver(authenticator_removed)
def _authenticator_removed(user: User, authenticator: Any, **_: Any) -> None:
    audit.record("user.second_factor_removed", user, kind=authenticator.type)


@receiver(config_updated)
def _settings_changed(**_: Any) -> None:
    live.forget()


@receiver(social_account_added)
def _connection_added(sociallogin: Any, **_: Any) -> None:
    account = sociallogin.account
    audit.record("user.connection_added", account.user, provider=account.provider)


@receiver(social_account_removed)
def _connection_removed(socialaccount: Any, **_: Any) -> None:
    audit.record("user.connection_removed", socialaccount.user, provider=socialaccount.provider)


@receiver(events.organization_standing_changed)
def _standing_changed(organization: Organization, **_: Any) -> None:
    publish_organization_after_commit(organization.pk)


@receiver(events.invitation_requested)
def _invitation_requested(invitation: Invitation, **_: Any) -> None:
    after_commit(tasks.send_invitation, invitation.pk)


@receiver(events.data_export_requested)
def _data_export_requested(export: DataExport, **_: Any) -> None:
    after_commit(tasks.make_data_export, export.pk)


@receiver(events.data_export_ended)
def _data_export_ended(export: DataExport, **_: Any) -> None:
    announcements.data_export_ended(export)


@receiver(user_signed_up)
def _signed_up(request: Any, user: User, **_: Any) -> None:
    arrivals.settle(request, user)


@receiver(events.credentials_changed)
def _credentials_changed(user: User, **_: Any) -> None:
    tokens.revoke_everything(user)


@receiver(events.api_session_stolen)
def _api_session_stolen(user: User, client_name: str, **_: Any) -> None:
    if not announcements.session_stolen(user, client_name=client_name):
        warning.warn_of_stolen_session(user, client_name=client_name)


@receiver(events.second_factor_reset)
def _second_factor_reset(user: User, **_: Any) -> None:
    factor_mail.tell_of_reset(user)


@receiver(events.account_mail_written)
def _account_mail_written(mail: AccountMail, **_: Any) -> None:
    after_commit(tasks.send_account_mail, mail.pk)


@receiver(events.webhook_due)
def _webhook_due(delivery_id: UUID, **_: Any) -> None:
    after_commit(tasks.deliver_webhook, delivery_id)


@receiver(events.bulk_job_due)
def _bulk_job_due(job_id: UUID, **_: Any) -> None:
    after_commit(tasks.run_bulk_job, job_id)


@receiver(events.bulk_job_ended)
def _bulk_job_ended(job: BulkJob, **_: Any) -> None:
    announcements.bulk_job_ended(job)


@receiver(events.notification_mail_due)
def _notification_mail_due(mail_id: UUID, **_: Any) -> None:
    after_commit(tasks.send_notification_mail, mail_id)


@receiver(events.member_joined)
def _member_joined(membership: Membership, **_: Any) -> None:
    announcements.member_joined(membership)


@receiver(events.member_role_changed)
def _member_role_changed(membership: Membership, before: str, **_: Any) -> None:
    announcements.member_role_changed(membership, before=before)
    exports.withdraw_lists(membership.user, membership.organization_id)


@receiver(events.member_removed)
def _member_removed(membership: Membership, **_: Any) -> None:
    announcements.member_removed(membership)
    exports.withdraw_lists(membership.user, membership.organization_id)


@receiver(events.api_key_changed)
def _api_key_changed(key: ApiKey, change: str, **_: Any) -> None:
    announcements.api_key_changed(key, change=change)


@receiver(events.trail_alert_opened)
def _trail_alert_opened(alert: TrailAlert, **_: Any) -> None:
    after_commit(tasks.tell_alert, alert.pk)

"""Scheduled work of the ground floor."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from uuid import UUID

import structlog
from billiard.exceptions import SoftTimeLimitExceeded
from celery import shared_task
from django.utils.timezone import now
from redis import RedisError

from accounts.models import DataExport, TrailAlert, User
from accounts.services import account_mail, audit, idempotency, live, sessions, sync
from accounts.services.bulk import keeping as jobs
from accounts.services.bulk import run_job
from accounts.services.calls import ingest, retention
from accounts.services.keys import publishing, rotation, usage
from accounts.services.notifications import mailing as notices
from accounts.services.notifications import reading
from accounts.services.privacy import erasure, exports
from accounts.services.seals import months, sealing, watching
from accounts.services.team import mailing
from accounts.services.tokens import keeping
from accounts.services.webhooks import endpoints, replaying, sending
from config.kit.errors import DomainError
from config.kit.scripts import CacheAway
from config.kit.tasks import nudge_again

logger = structlog.get_logger(__name__)
_BATCHES = 100
"""Most batches of calls written in one task: half a million calls."""


@shared_task(name="accounts.forget_idempotency_keys")
def forget_idempotency_keys() -> None:
    idempotency.forget_old_keys(at=now())


@shared_task(name="accounts.forget_sessions")
def forget_sessions() -> None:
    sessions.forget_expired_sessions()


@shared_task(name="accounts.prepare_audit_partitions")
def prepare_audit_partitions() -> None:
    months.prepare_months()


@shared_task(name="accounts.watch_audit")
def watch_audit() -> None:
    """Look for what calls a person, and tell what the operators' mail or chat has not taken yet."""
    watching.watch(now())
    nudge_again(tell_alert, (alert.pk for alert in watching.untold()))


@shared_task(name="accounts.tell_alert")
def tell_alert(alert_id: str) -> None:
    watching.tell(TrailAlert.objects.get(pk=alert_id))


# Long ones are not handed to a second worker while the first still works: beat brings them again.
@shared_task(name="accounts.seal_audit", acks_late=False, time_limit=3600, soft_time_limit=3500)
def seal_audit() -> None:
    sealing.seal_rows()


@shared_task(name="accounts.verify_audit", acks_late=False, time_limit=3600, soft_time_limit=3500)
def verify_audit() -> None:
    watching.verify_yesterday(now())


@shared_task(name="accounts.retire_audit", acks_late=False, time_limit=3600, soft_time_limit=3500)
def retire_audit() -> None:
    """Let go of what is past its time: names of closed accounts, months of the trail."""
    for user in erasure.closed_accounts(now()):
        _erase(user)
    months.retire_months()


def _erase(user: User) -> None:
    try:
        erasure.erase_user(user, reason="closed 30 days ago")
    except DomainError as refusal:
        logger.warning("user.not_erased", user_id=str(user.pk), code=refusal.code)
    except SoftTimeLimitExceeded:
        raise
    except Exception:
        # The boundary: one account that meets a bug must not keep the others their names.
        logger.exception("user.not_erased", user_id=str(user.pk))


@shared_task(
    name="accounts.make_data_export", acks_late=False, time_limit=1800, soft_time_limit=1700
)
def make_data_export(export_id: str) -> None:
    export = DataExport.objects.filter(pk=export_id, status=DataExport.Status.WAITING).first()
    if export is not None:
        exports.make_export(export, at=now())


@shared_task(name="accounts.sweep_data_exports")
def sweep_data_exports() -> None:
    """Make the files whose nudge was lost; delete those whose week is over, and what runs left."""
    nudge_again(make_data_export, (export.pk for export in exports.waiting_exports(now())))
    exports.forget_expired(now())
    exports.forget_strays(now())


@shared_task(name="accounts.sweep_api_keys")
def sweep_api_keys() -> None:
    """Tell the cache of changes it may have missed; revoke what was replaced for good."""
    publishing.sweep_publications()
    rotation.end_overlaps(at=now())


@shared_task(name="accounts.flush_key_uses", acks_late=False)
def flush_key_uses() -> None:
    with suppress(CacheAway):  # they wait there
        usage.flush_uses()


@shared_task(name="accounts.send_invitation")
def send_invitation(invitation_id: str) -> None:
    mailing.send_due(UUID(invitation_id), at=now())


@shared_task(name="accounts.sweep_invitations")
def sweep_invitations() -> None:
    """Nudge again for mails whose first nudge was lost."""
    nudge_again(send_invitation, mailing.due_invitations(now()))


@shared_task(name="accounts.send_account_mail")
def send_account_mail(mail_id: str) -> None:
    account_mail.send_due(UUID(mail_id), at=now())


@shared_task(name="accounts.sweep_account_mails")
def sweep_account_mails() -> None:
    """Nudge again for mails whose first nudge was lost; give up on those whose links are dead."""
    account_mail.give_up(now())
    nudge_again(send_account_mail, account_mail.due_mails(now()))


@shared_task(name="accounts.forget_tokens")
def forget_tokens() -> None:
    keeping.forget_old_tokens(at=now())
    sync.forget_old_events(at=now())
    audit.forget_old_activity(before=now() - timedelta(days=live.live("ACTIVITY_DAYS")))


@shared_task(name="accounts.flush_calls")
def flush_calls() -> None:
    """Bring recorded API calls into PostgreSQL; several of these may run at once."""
    try:
        ingest.drain(ingest.consumer_name(), batches=_BATCHES)
    except RedisError as error:
        logger.warning("calls.stream_away", error=type(error).__name__)


@shared_task(name="accounts.watch_calls")
def watch_calls() -> None:
    """Raise the alarm over calls that wait: in another queue than what writes them, which may rest."""
    try:
        ingest.watch()
    except RedisError as error:
        logger.warning("calls.stream_away", error=type(error).__name__)


@shared_task(name="accounts.keep_series")
def keep_series() -> None:
    """Make partitions ahead of time, drop those past their retention, and watch for strays."""
    retention.keep_series(at=now())


@shared_task(name="accounts.deliver_webhook", time_limit=30, soft_time_limit=25)
def deliver_webhook(delivery_id: str) -> None:
    sending.deliver(UUID(delivery_id), at=now())


@shared_task(name="accounts.sweep_webhooks")
def sweep_webhooks() -> None:
    """Nudge again for messages whose try is due, whose nudge was lost or whose worker died."""
    nudge_again(deliver_webhook, sending.due(at=now()))


@shared_task(name="accounts.forget_old_webhooks")
def forget_old_webhooks() -> None:
    replaying.forget_old(at=now())
    reading.forget_old(at=now())
    endpoints.clear_deleted()


@shared_task(name="accounts.run_bulk_job")
def run_bulk_job(job_id: str) -> None:
    run_job(UUID(job_id), at=now())


@shared_task(name="accounts.sweep_bulk_jobs")
def sweep_bulk_jobs() -> None:
    """Nudge again what was lost or left; give up on what is stuck, forget what is old."""
    jobs.give_up(now())
    nudge_again(run_bulk_job, jobs.due_jobs(now()))
    jobs.forget_old(now())


@shared_task(name="accounts.send_notification_mail")
def send_notification_mail(mail_id: str) -> None:
    notices.send_due(UUID(mail_id), at=now())


@shared_task(name="accounts.sweep_notification_mails")
def sweep_notification_mails() -> None:
    """Nudge again for mails whose first nudge was lost."""
    nudge_again(send_notification_mail, notices.due_mails(now()))

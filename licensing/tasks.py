"""Scheduled work of licensing; the schedule is in config/settings/tasks.py."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task
from django.utils.timezone import now

from config.kit.tasks import nudge_again
from licensing.models import TrialWorkspace
from licensing.services import announcements, closing, publishing, sightings, trial_limits, trials


@shared_task(name="licensing.flush_sightings")
def flush_sightings() -> None:
    sightings.flush_sightings(at=now())


@shared_task(name="licensing.sweep_publications")
def sweep_publications() -> None:
    publishing.sweep_publications()


@shared_task(name="licensing.settle_trial")
def settle_trial(trial_id: str) -> None:
    """Give a new trial its license and limits, end those of a cancelled one."""
    workspace = TrialWorkspace.objects.select_related("product").get(pk=trial_id)
    trials.provide_license(workspace)
    trials.settle_cancelled(workspace)
    trial_limits.settle_limits(workspace, at=now())


@shared_task(name="licensing.sweep_trials")
def sweep_trials() -> None:
    trials.sweep(now())


@shared_task(name="licensing.end_closed")
def end_closed(organization_id: str) -> None:
    closing.end_licenses(UUID(organization_id), at=now())


@shared_task(name="licensing.sweep_closed")
def sweep_closed() -> None:
    """Nudge again for closed organizations whose first nudge was lost."""
    nudge_again(end_closed, closing.unended())


@shared_task(name="licensing.tell_expiring")
def tell_expiring() -> None:
    announcements.tell_expiring(at=now())


@shared_task(name="licensing.tell_trials_ending")
def tell_trials_ending() -> None:
    announcements.tell_trials_ending(at=now())

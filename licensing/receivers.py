"""What happens next: a paid subscription gets its license, an ended one loses it, trials follow."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.dispatch import receiver
from django.utils.timezone import now

from accounts.events import api_key_changed, organization_closing, organization_restored
from accounts.models import ApiKey, Organization
from accounts.services.limits import Allowance
from billing.events import (
    api_plans_renewing,
    product_publishing,
    subscription_activated,
    subscription_ended,
    usage_metering,
)
from billing.models import Product, Subscription
from config.kit.tasks import after_commit
from licensing import events, tasks
from licensing.models import DeviceLink, License, TrialApiKey, TrialWorkspace
from licensing.rules.grants import require_license, require_trial
from licensing.services import announcements, closing, licenses, trial_limits, trials


@receiver(product_publishing)
def _product_publishing(kind: str, grants: Mapping[str, Any], **_: Any) -> None:
    require_trial(grants)
    if kind == Product.Kind.LICENSE:
        require_license(grants)


@receiver(usage_metering)
def _usage_metering(since: datetime, **_: Any) -> dict[UUID, tuple[datetime, str]]:
    return TrialApiKey.objects.ends_since(since)


@receiver(api_plans_renewing)
def _api_plans_renewing(organization: Organization, at: datetime, **_: Any) -> dict[str, Allowance]:
    return trial_limits.tried_by(organization, at=at)


@receiver(subscription_activated)
def _subscription_activated(subscription: Subscription, **_: Any) -> None:
    trials.convert_trial(subscription, at=now())
    licenses.issue_license(subscription, at=subscription.current_period_start)


@receiver(subscription_ended)
def _subscription_ended(subscription: Subscription, **_: Any) -> None:
    licenses.end_license(subscription, at=subscription.ended_at or now())


@receiver(api_key_changed)
def _api_key_changed(key: ApiKey, change: str, **_: Any) -> None:
    if change == "rotated":
        trials.keep_successor(key)
    elif change == "updated":
        trials.require_end(key)


@receiver(organization_closing)
def _organization_closing(organization: Organization, **_: Any) -> None:
    closing.end_trials(organization, at=now())
    after_commit(tasks.end_closed, organization.pk)


@receiver(organization_restored)
def _organization_restored(organization: Organization, **_: Any) -> None:
    closing.wake_licenses(organization, at=now())


@receiver(events.trial_started)
def _trial_started(trial: TrialWorkspace, **_: Any) -> None:
    after_commit(tasks.settle_trial, trial.pk)
    announcements.trial_changed(trial, change="started")


@receiver(events.trial_ended)
def _trial_ended(trial: TrialWorkspace, **_: Any) -> None:
    after_commit(tasks.settle_trial, trial.pk)
    announcements.trial_changed(trial, change=trial.status)


@receiver(events.trial_converted)
def _trial_converted(trial: TrialWorkspace, **_: Any) -> None:
    announcements.trial_changed(trial, change="converted")


@receiver(events.license_issued)
def _license_issued(license: License, **_: Any) -> None:
    announcements.license_issued(license)


@receiver(events.license_status_changed)
def _license_status_changed(license: License, former: str, **_: Any) -> None:
    announcements.license_status_changed(license, former=former)


@receiver(events.device_activated)
def _device_activated(device: DeviceLink, **_: Any) -> None:
    announcements.device_changed(device, change="activated")


@receiver(events.device_deactivated)
def _device_deactivated(device: DeviceLink, **_: Any) -> None:
    announcements.device_changed(device, change="deactivated")

"""How licensing's happenings are told: to webhooks in stable shapes, to people in words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import structlog
from billiard.exceptions import SoftTimeLimitExceeded
from django.db.models import CharField, Exists, F, Func, OuterRef, QuerySet, Value
from django.db.models.functions import Cast, Concat, Replace

from accounts.models import Notification
from accounts.rules.event_types import written
from accounts.services.notifications import notify
from accounts.services.webhooks import announce
from licensing.models import DeviceLink, License, TrialWorkspace
from licensing.rules.transitions import SuspendedReason

logger = structlog.get_logger(__name__)
WARNED_BEFORE = timedelta(days=14)
TRIAL_WARNED_BEFORE = timedelta(days=3)
_MOMENT = 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'
_CHANGES = {
    License.Status.ACTIVE: "reinstated",
    License.Status.SUSPENDED: "suspended",
    License.Status.EXPIRED: "expired",
    License.Status.REVOKED: "revoked",
}


def license_issued(license: License) -> None:
    announce(license.organization_id, "license.issued", _license(license))


def license_status_changed(license: License, *, former: str) -> None:
    if license.status == former:
        return
    change = _CHANGES[License.Status(license.status)]
    announce(license.organization_id, f"license.{change}", _license(license))
    if license.status == License.Status.SUSPENDED:
        _tell_suspended(license)


def device_changed(device: DeviceLink, *, change: str) -> None:
    """Tell that a device was activated or deactivated."""
    announce(
        device.organization_id,
        f"device.{change}",
        {
            "id": str(device.pk),
            "license": str(device.license_id),
            "device_id": device.device_id,
            "name": device.name,
            "platform": device.platform,
            "activated_at": written(device.activated_at),
            "deactivated_at": _written(device.deactivated_at),
        },
    )


def tell_expiring(*, at: datetime) -> int:
    """Tell the owners of licenses that end within 14 days, once for each end; return how many."""
    # The license of a trial ends with it, and `tell_trials_ending` says so.
    ending = License.objects.usable(at).filter(expires_at__lte=at + WARNED_BEFORE, trial=None)
    return _tell_each(_untold(ending, "license_expiring"), _tell_expiring)


def trial_changed(trial: TrialWorkspace, *, change: str) -> None:
    """Tell that a trial was started, expired, cancelled or converted."""
    announce(
        trial.organization_id,
        f"trial.{change}",
        {
            "id": str(trial.pk),
            "product": trial.product.slug,
            "name": trial.name,
            "slug": trial.slug,
            "tier": str(trial.tier),
            "status": str(trial.status),
            "expires_at": written(trial.expires_at),
            "license": str(trial.license_id) if trial.license_id else None,
            "subscription": str(trial.subscription_id) if trial.subscription_id else None,
        },
    )
    if change == "expired":
        notify(
            trial.organization_id,
            "trial_ending",
            title=f"The trial of {trial.product.name} has ended",
            text="Its keys and license have stopped. Buy a plan within 30 days and they go on.",
            url=f"/trials/{trial.pk}/",
            severity="warning",
            source=f"trial_ended:{trial.pk}:{trial.expires_at.isoformat()}",
        )


def tell_trials_ending(*, at: datetime) -> int:
    """Tell of trials that end within 3 days, once for each end; return how many."""
    ending = TrialWorkspace.objects.active().filter(
        expires_at__range=(at, at + TRIAL_WARNED_BEFORE)
    )
    return _tell_each(_untold(ending, "trial_ending"), _tell_trial_ending)


def _untold(ending: QuerySet[Any], cause: str) -> QuerySet[Any]:
    """Leave out those whose end was told; to the others add the `source` that will say so."""
    # As `datetime.isoformat` writes it.
    end = Func(F("expires_at"), Value(_MOMENT), function="to_char", output_field=CharField())
    whole = Replace(end, Value(".000000"), Value(""))
    source = Concat(Value(f"{cause}:"), Cast("pk", CharField()), Value(":"), whole)
    told = Notification.objects.filter(
        organization=OuterRef("organization"), user=None, source=OuterRef("source")
    )
    untold: QuerySet[Any] = ending.annotate(source=source).exclude(Exists(told))
    return untold


def _tell_each(rows: QuerySet[Any], tell: Callable[[Any, str], Notification | None]) -> int:
    """Tell of each row; return of how many nobody knew."""
    told = 0
    for row in rows.select_related("product"):
        try:
            told += tell(row, row.source) is not None
        except SoftTimeLimitExceeded:
            raise
        except Exception:
            # The boundary: one that cannot be told of must not silence the others.
            logger.exception("notification.not_told", source=row.source)
    return told


def _tell_expiring(license: License, source: str) -> Notification | None:
    return notify(
        license.organization_id,
        "license_expiring",
        title=f"{license.product.name} ends on {license.expires_at:%-d %B %Y}",
        text="Its devices are refused from then on. Renew it or choose a new plan in time.",
        url=f"/licenses/{license.pk}/",
        severity="warning",
        source=source,
    )


def _tell_trial_ending(trial: TrialWorkspace, source: str) -> Notification | None:
    return notify(
        trial.organization_id,
        "trial_ending",
        title=f"The trial of {trial.product.name} ends on {trial.expires_at:%-d %B %Y}",
        text="Keys and license stop then. Buy a plan and they go on as they are.",
        url=f"/trials/{trial.pk}/",
        severity="warning",
        source=source,
    )


def _tell_suspended(license: License) -> None:
    is_overdue = license.suspended_reason == SuspendedReason.PAYMENT_OVERDUE
    why = "until an overdue invoice is paid" if is_overdue else "by the operator"
    notify(
        license.organization_id,
        "license_suspended",
        title=f"{license.product.name} is suspended",
        text=f"It is on hold {why}. Devices keep their seats and are refused.",
        url=f"/licenses/{license.pk}/",
        severity="critical",
    )


def _license(license: License) -> dict[str, Any]:
    return {
        "id": str(license.pk),
        "product": license.product.slug,
        "plan": license.plan,
        "display_key": license.display_key,
        "status": str(license.status),
        "suspended_reason": license.suspended_reason,
        "max_devices": license.max_devices,
        "starts_at": written(license.starts_at),
        "expires_at": _written(license.expires_at),
        "subscription": str(license.subscription_id) if license.subscription_id else None,
    }


def _written(at: datetime | None) -> str | None:
    return written(at) if at is not None else None

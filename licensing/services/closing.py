"""What becomes of licenses and trials when an organization closes, and when staff restore it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from accounts.models import Organization
from licensing.models import License, TrialWorkspace
from licensing.services import licenses, trials

BATCH = 200


@transaction.atomic
def end_trials(organization: Organization, *, at: datetime) -> None:
    """Cancel what is being tried, with its keys; `end_licenses` follows in a worker."""
    running = TrialWorkspace.objects.for_organization(organization)
    running = running.filter(status=TrialWorkspace.Status.ACTIVE, expires_at__gt=at)
    for workspace in running.order_by("pk"):
        trials.cancel_trial(workspace, at=at)


@transaction.atomic
def end_licenses(organization_id: UUID, *, at: datetime) -> int:
    """End the licenses of a closed organization; returns how many. Runs in a worker; repeatable.

    Devices hear it at their next question. One with neither subscription nor trial keeps its
    own end, and so is known by `wake_licenses`. Suspended ones stay suspended.
    """
    # The lock: an organization that is restored meanwhile keeps what it has.
    organization = Organization.objects.select_for_update(no_key=True).get(pk=organization_id)
    if not organization.is_closed:
        return 0
    ours = License.objects.for_organization(organization_id).of_closed()
    found = list(ours.select_related("trial").order_by("pk"))
    for license in found:
        if license.subscription_id is None and not hasattr(license, "trial"):
            licenses.rest_license(license)
        else:
            licenses.expire_license(license, at=at)
    return len(found)


def unended() -> list[UUID]:
    """Return closed organizations whose licenses still run, by lot: those that fail hide no other."""
    ids = License.objects.of_closed().order_by().values("organization_id")
    closed = Organization.objects.filter(pk__in=ids).order_by("?")
    return list(closed.values_list("pk", flat=True)[:BATCH])


@transaction.atomic
def wake_licenses(organization: Organization, *, at: datetime) -> int:
    """Let licenses that only the closing ended work again; return how many.

    Those are the expired ones whose own end is still to come, or who have none: whatever else
    ends a license moves its end to that moment.
    """
    ended = License.objects.for_organization(organization).filter(status=License.Status.EXPIRED)
    by_closing = ended.filter(
        Q(expires_at=None) | Q(expires_at__gt=at), subscription=None, trial=None
    )
    found = list(by_closing.order_by("pk"))
    for license in found:
        licenses.wake_license(license)
    return len(found)

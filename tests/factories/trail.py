"""An entry of an organization's trail, a copy of its data that can be downloaded."""

from __future__ import annotations

from django.utils.timezone import now

from accounts.models import AuditLog, DataExport, Organization, User
from accounts.services import audit
from accounts.services.privacy import request_export
from accounts.services.privacy.exports import make_export
from config.kit import context


def entry_of(organization: Organization) -> AuditLog:
    with context.acting(actor_kind="worker", organization_id=organization.pk):
        audit.record("organization.looked_at", organization)
    return AuditLog.objects.for_organization(organization).order_by("-id")[0]


def export_of(organization: Organization, user: User) -> DataExport:
    with context.acting(actor_kind="worker", organization_id=organization.pk):
        export = request_export(user, organization=organization)
        make_export(export, at=now())
    return export

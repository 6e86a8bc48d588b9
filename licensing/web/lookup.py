"""Finding what a page is about: the organization's own, or nothing."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from config.kit.errors import NotFound
from licensing.models import DeviceLink, License


def own_license(request: Any, license_id: UUID) -> License:
    rows = License.objects.for_organization(request.organization).with_usage()
    found: License | None = (
        rows.select_related("product", "subscription").filter(pk=license_id).first()
    )
    if found is None:
        raise NotFound
    return found


def own_device(request: Any, license_id: UUID, link_id: UUID) -> DeviceLink:
    rows = DeviceLink.objects.for_organization(request.organization)
    found: DeviceLink | None = (
        rows.select_related("license__product").filter(license_id=license_id, pk=link_id).first()
    )
    if found is None:
        raise NotFound
    return found

"""Pages about licenses: the list, one of them, and its key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import now
from django.views.decorators.http import require_GET, require_http_methods

from accounts.web.access import member_required, require
from config.kit.lists import ListPage, Tab
from licensing.models import License
from licensing.models.license import expiring_at, usable_at
from licensing.services.licenses import reveal_key
from licensing.web.activity import activity_of
from licensing.web.devices import device_facts
from licensing.web.lookup import own_license

ACTIVITY_SHOWN = 10
_ACTIVATE = """curl {site}/api/v1/licenses/activate \\
  -H "Content-Type: application/json" \\
  -d '{{"license_key": "SWY-...", "device_id": "desk-1", "device_name": "My desk"}}'"""


class LicenseList(ListPage):
    """All licenses of the organization."""

    template_name = "licensing/license_list.html"
    file_name = "licenses"
    sorts: ClassVar = {
        "product": ("product__name", "id"),
        "status": ("status", "created_at", "id"),
        "expires_at": ("expires_at", "id"),
        "created_at": ("created_at", "id"),
    }
    columns: ClassVar = (
        ("License", lambda license: license.pk),
        ("Product", lambda license: license.product.name),
        ("Plan", lambda license: license.plan),
        ("Key ends with", lambda license: license.display_key),
        ("Status", lambda license: license.state(now())),
        ("Devices", lambda license: license.seats_used),
        ("Device limit", lambda license: license.max_devices),
        ("Starts", lambda license: license.starts_at),
        ("Expires", lambda license: license.expires_at),
        ("Renews", lambda license: license.renews_at),
        ("Created", lambda license: license.created_at),
    )

    def rows(self) -> QuerySet[Any]:
        return License.objects.for_organization(self.request.organization)

    def tabs(self) -> Sequence[Tab]:
        return (
            Tab("", "All"),
            Tab("active", "Active", usable_at(self.at)),
            Tab("expiring", "Expiring 30 d", expiring_at(self.at)),
            Tab("suspended", "Suspended", Q(status=License.Status.SUSPENDED)),
        )

    def search(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        return rows.matching(text)

    def decorate(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.select_related("product", "subscription").with_usage()

    def complete(self, shown: Sequence[Any]) -> None:
        for license in shown:
            license.shown_state = license.state(self.at)

    def facts(self) -> dict[str, Any]:
        return {"may_buy": self.request.membership.allows("buy")}


@require_GET
@member_required()
def license(request: Any, license_id: UUID) -> HttpResponse:
    """Key, seats, devices with their live state, and what happened."""
    return _page(request, own_license(request, license_id))


@require_http_methods(["GET", "HEAD", "POST"])
@member_required()
def reveal(request: Any, license_id: UUID) -> HttpResponse:
    """Show the key in clear on the license's page; asking again asks the trail again."""
    found = own_license(request, license_id)
    if request.method != "POST":
        return redirect("license", found.pk)
    require(request, "reveal_key")
    return _page(request, found, key=reveal_key(found))


def _page(request: Any, found: License, key: str = "") -> HttpResponse:
    found.shown_state = found.state(now())
    facts = {
        "license": found,
        "key": key,
        "may_reveal": request.membership.allows("reveal_key"),
        "activity": activity_of(found, limit=ACTIVITY_SHOWN),
        "site_url": settings.SITE_URL,
        "curl": _ACTIVATE.format(site=settings.SITE_URL),
        **device_facts(request, found),
    }
    return render(request, "licensing/license_detail.html", facts)

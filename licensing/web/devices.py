"""Devices of a license: their live state, and letting one go."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import F
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import now
from django.views.decorators.http import require_GET, require_http_methods

from accounts.web.access import member_required
from config.kit.live import live_part
from licensing.models import License
from licensing.services.devices import deactivate_device
from licensing.services.presence import device_states
from licensing.web.lookup import own_device, own_license

DEVICES_SHOWN = 25


def device_facts(request: Any, license: License) -> dict[str, Any]:
    """Return what the device table and its live region show: two queries and one call to Redis."""
    devices = license.devices.order_by(
        F("deactivated_at").desc(nulls_first=True), "-activated_at", "-id"
    )
    page = Paginator(devices, DEVICES_SHOWN).get_page(request.GET.get("page"))
    shown: list[Any] = list(page.object_list)
    page.object_list = shown
    states = device_states(shown)
    for device in shown:
        device.state = states[device.pk]
    return {
        "page": page,
        "online": sum(state == "online" for state in states.values()),
        "active": sum(device.is_active for device in shown),
        "presence_known": "unknown" not in states.values(),
        "may_manage": request.membership.allows("manage_devices"),
    }


@require_GET
@member_required()
@live_part("license")
def states(request: Any, license_id: UUID) -> HttpResponse:
    """Answer the page's two-second question: states alone, the table only when it changed.

    `?version=` is the one the page shows. Nothing that a person can be typing in is replaced.
    """
    license = own_license(request, license_id)
    facts = {
        "license": license,
        "has_changed": request.GET.get("version") != str(license.version),
        **device_facts(request, license),
    }
    return render(request, "licensing/license_states.html", facts)


@require_http_methods(["GET", "HEAD", "POST"])
@member_required("manage_devices")
def deactivate(request: Any, license_id: UUID, link_id: UUID) -> HttpResponse:
    """Say what a device loses; then free its seat."""
    device = own_device(request, license_id, link_id)
    if request.method != "POST":
        return render(request, "licensing/device_deactivate.html", {"device": device})
    deactivate_device(device, at=now())
    messages.success(request, f"{device.name} is deactivated. Its seat is free.")
    return redirect("license", license_id)

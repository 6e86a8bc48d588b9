"""Licenses and their devices."""

from __future__ import annotations

from django.urls import path

from accounts.web.access import member_required
from licensing.web import devices, licenses

urlpatterns = [
    path(
        "licenses/",
        member_required()(licenses.LicenseList.as_view()),  # type: ignore[arg-type]
        name="licenses",
    ),
    path("licenses/<uuid:license_id>/", licenses.license, name="license"),
    path("licenses/<uuid:license_id>/key/", licenses.reveal, name="license_reveal"),
    path("licenses/<uuid:license_id>/states/", devices.states, name="license_states"),
    path(
        "licenses/<uuid:license_id>/devices/<uuid:link_id>/deactivate/",
        devices.deactivate,
        name="device_deactivate",
    ),
]

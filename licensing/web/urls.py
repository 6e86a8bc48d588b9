"""Licenses and their devices."""

from __future__ import annotations

from django.urls import path

from accounts.web.access import member_required
from licensing.web import devices, licenses, trials

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
    path("trials/", trials.trial_list, name="trials"),
    path("trials/start/<slug:slug>/", trials.start, name="trial_start"),
    path("trials/<uuid:trial_id>/", trials.trial, name="trial"),
    path("trials/<uuid:trial_id>/keys/", trials.add_key, name="trial_add_key"),
    path("trials/<uuid:trial_id>/cancel/", trials.cancel, name="trial_cancel"),
]

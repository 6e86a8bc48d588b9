"""The API of licensing: four doors for programs, the rest for people."""

from __future__ import annotations

from django.urls import path

from licensing.api import schema, trials, views

urlpatterns = [
    path("licenses/validate", schema.validate, name="api_license_validate"),
    path("licenses/activate", schema.activate, name="api_license_activate"),
    path("licenses/deactivate", schema.deactivate, name="api_license_deactivate"),
    path("devices/<uuid:link_id>/heartbeat", schema.heartbeat, name="api_device_heartbeat"),
    path("licenses", views.LicenseListView.as_view(), name="api_licenses"),
    path("licenses/<uuid:license_id>", views.LicenseDetailView.as_view(), name="api_license"),
    path(
        "licenses/<uuid:license_id>/devices",
        views.DeviceListView.as_view(),
        name="api_license_devices",
    ),
    path(
        "licenses/<uuid:license_id>/devices/<uuid:link_id>/deactivate",
        views.DeviceDeactivateView.as_view(),
        name="api_device_deactivate",
    ),
    path("trials", trials.TrialListView.as_view(), name="api_trials"),
    path("trials/<uuid:trial_id>", trials.TrialDetailView.as_view(), name="api_trial"),
    path("trials/<uuid:trial_id>/keys", trials.TrialKeysView.as_view(), name="api_trial_keys"),
    path(
        "trials/<uuid:trial_id>/cancel", trials.TrialCancelView.as_view(), name="api_trial_cancel"
    ),
    path(
        "trials/<uuid:trial_id>/convert",
        trials.TrialConvertView.as_view(),
        name="api_trial_convert",
    ),
]

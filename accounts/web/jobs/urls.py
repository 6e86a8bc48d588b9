"""Bulk jobs."""

from __future__ import annotations

from django.urls import path

from accounts.web.access import member_required
from accounts.web.jobs import views

urlpatterns = [
    path("jobs/", member_required()(views.JobList.as_view()), name="jobs"),
    path("jobs/<uuid:job_id>/", member_required()(views.ItemList.as_view()), name="job"),
    path("jobs/<uuid:job_id>/state/", views.state, name="job_state"),
    path("jobs/<uuid:job_id>/retry/", views.retry, name="job_retry"),
]

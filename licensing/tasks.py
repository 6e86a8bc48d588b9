"""Scheduled work of licensing; the schedule is in config/settings/tasks.py."""

from __future__ import annotations

from celery import shared_task
from django.utils.timezone import now

from licensing.services import publishing, sightings


@shared_task(name="licensing.flush_sightings")
def flush_sightings() -> None:
    sightings.flush_sightings(at=now())


@shared_task(name="licensing.sweep_publications")
def sweep_publications() -> None:
    publishing.sweep_publications()

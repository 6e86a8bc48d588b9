"""The Celery application: queues, beat and tasks are found from settings and apps."""

from __future__ import annotations

import os
from logging.config import dictConfig
from typing import Any

from celery import Celery
from celery.signals import setup_logging
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.base")

app = Celery("switchyard")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def log_like_the_house(**_: Any) -> None:
    """Leave Celery nothing to set up: its level would hide what `LOG_LEVEL` lets through."""
    dictConfig(settings.LOGGING)

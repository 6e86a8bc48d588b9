"""The roof: settings, addresses and what is composed of every storey."""

from __future__ import annotations

from config.celery import app as celery_app

__all__ = ["celery_app"]

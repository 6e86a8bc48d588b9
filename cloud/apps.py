"""Neighbour of iot: virtual machines."""

from __future__ import annotations

from django.apps import AppConfig


class CloudConfig(AppConfig):
    name = "cloud"

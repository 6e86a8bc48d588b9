"""Neighbour of cloud: SIM cards."""

from __future__ import annotations

from django.apps import AppConfig


class IotConfig(AppConfig):
    name = "iot"

"""The licensing storey: licenses, the devices that use them, and whether they may."""

from __future__ import annotations

from typing import ClassVar

from django.apps import AppConfig

from accounts.rules.event_types import EventType
from config.kit.audited import Audited, Unaudited
from licensing.rules.webhook_events import EVENTS


class LicensingConfig(AppConfig):
    name = "licensing"
    webhook_events: ClassVar[tuple[EventType, ...]] = EVENTS
    audited: ClassVar[list[Audited]] = [
        Audited(
            "licensing_license",
            skip=("updated_at", "version", "published_version", "last_validated_at"),
            mask=("key_hash", "key_sealed"),
        ),
        Audited(
            "licensing_devicelink",
            skip=("updated_at", "last_seen_at"),
            mask=("token_hash",),
            pii=("name", "hostname", "ip"),
            subject="organization_id",
        ),
        Audited("licensing_trialworkspace", skip=("updated_at", "limits_settled_at")),
        Audited("licensing_trialapikey"),
    ]
    unaudited: ClassVar[list[Unaudited]] = []

    def ready(self) -> None:
        import licensing.receivers  # noqa: F401

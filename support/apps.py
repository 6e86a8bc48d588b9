"""What went wrong: tickets and the back office."""

from __future__ import annotations

from typing import ClassVar

from django.apps import AppConfig

from config.kit.audited import Audited


class SupportConfig(AppConfig):
    name = "support"
    audited: ClassVar[list[Audited]] = [
        Audited(
            "support_adminnote", pii=("note",), subject="user_id", organization="", internal=True
        ),
    ]

    def ready(self) -> None:
        import support.receivers  # noqa: F401

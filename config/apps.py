"""The roof as a Django app: system checks, commands and the audit triggers after migration."""

from __future__ import annotations

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate, pre_migrate  # noqa: TID251  Django's hook, not a model's


class RoofConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        from accounts.services.audit_triggers import attach_after_migrate, name_migration
        from config import checks  # noqa: F401

        # Django announces the end of a migration once per app with models; once is enough.
        ground_floor = apps.get_app_config("accounts")
        pre_migrate.connect(name_migration, sender=ground_floor, dispatch_uid="audit")
        post_migrate.connect(attach_after_migrate, sender=ground_floor, dispatch_uid="audit")

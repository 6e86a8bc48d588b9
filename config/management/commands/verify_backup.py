"""Prove that a backup can be restored: into a scratch database, counted and verified."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.timezone import now

from config.operations.backups import archive
from config.operations.backups.programs import BackupError
from config.operations.backups.proving import verify_backup
from config.operations.progress import show_progress


class Command(BaseCommand):
    help = (
        "Restore a backup into a scratch database, compare every table's rows with the manifest, "
        "verify the audit chain, remove the scratch database. Exit code 1 when anything differs."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "name", nargs="?", default="newest", help='from `backup --list`; "newest"'
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            backup = archive.find(options["name"])
            with show_progress() as told:
                proof = verify_backup(backup, at=now(), told=told)
        except BackupError as error:
            raise CommandError(str(error)) from error
        if not proof.is_good:
            raise CommandError("\n".join([f"{backup.name} is not good:", *proof.differences]))
        rows = sum(backup.manifest.rows.values())
        self.stdout.write(
            f"{backup.name} restores: {rows:,} rows in {len(backup.manifest.rows)} tables are "
            f"equal, {proof.seconds} s. {proof.audit}"
        )

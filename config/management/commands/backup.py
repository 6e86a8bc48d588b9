"""Take a backup now, or only remove what the rule does not keep."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.timezone import now

from config.operations.backups import archive
from config.operations.backups.programs import BackupError
from config.operations.backups.taking import take_backup
from config.operations.progress import show_progress


class Command(BaseCommand):
    help = (
        "Back up the database of DATABASE_BACKUP_URL to BACKUP_DIR: one consistent snapshot, "
        "with a manifest of row counts. Afterwards the newest backups of 30 days and 12 months "
        "and the newest proven one stay and others are removed."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="take none; only say what would be removed"
        )
        parser.add_argument("--keep-all", action="store_true", help="remove none")
        parser.add_argument("--list", action="store_true", help="list the backups and leave")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["list"]:
                self._list()
                return
            if not options["dry_run"]:
                with show_progress() as told:
                    backup = take_backup(at=now(), told=told)
                manifest = backup.manifest
                sealed = f", sealed with {manifest.key}" if manifest.key else ", not encrypted"
                self.stdout.write(
                    f"{backup.folder}: {manifest.size:,} bytes, {sum(manifest.rows.values()):,} "
                    f"rows in {len(manifest.rows)} tables, {manifest.seconds} s{sealed}"
                )
            if not options["keep_all"]:
                self._prune(dry_run=options["dry_run"])
        except BackupError as error:
            raise CommandError(str(error)) from error

    def _prune(self, *, dry_run: bool) -> None:
        verb = "would be removed" if dry_run else "removed"
        for backup in archive.prune(dry_run=dry_run):
            self.stdout.write(f"{backup.name} {verb}")

    def _list(self) -> None:
        for backup in archive.all_backups():
            proof = "not verified"
            if backup.proof:
                proof = "verified" if backup.proof.is_good else "FAILED VERIFICATION"
            self.stdout.write(f"{backup.name}  {backup.manifest.size:>14,} bytes  {proof}")
        for complaint in archive.unreadable():
            self.stderr.write(self.style.ERROR(complaint))

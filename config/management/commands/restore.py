"""Restore a backup into a database; what was there is set aside, not dropped."""

from __future__ import annotations

import sys
from typing import Any

import environ
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.timezone import now

from config.operations.backups import archive
from config.operations.backups.programs import BackupError, database_of
from config.operations.backups.restoring import NotEmpty, restore
from config.operations.progress import show_progress


class Command(BaseCommand):
    help = (
        "Restore a backup into the database of DATABASE_URL (an administrator's address) or --to. "
        "Stop web, back office, workers and beat first. A database that holds tables is refused "
        "without --force, and with it renamed, never dropped. Run `migrate` afterwards."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help='a name from `backup --list`, or "newest"')
        parser.add_argument("--to", metavar="URL", help="an administrator's address of the target")
        parser.add_argument("--force", action="store_true", help="set aside what is there")
        parser.add_argument("--noinput", action="store_true", help="ask nothing")
        parser.add_argument(
            "--jobs", type=int, default=2, help="parallel jobs; 2, and 1 for TimescaleDB"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        url = options["to"] or environ.Env().str("DATABASE_URL", default="")
        if not url:
            raise CommandError("Set DATABASE_URL to an administrator's address, or give --to.")
        target = database_of(url)
        try:
            backup = archive.find(options["name"])
            if not options["noinput"]:
                self._confirm(target, backup.name)
            with show_progress() as told:
                aside = restore(
                    backup, url, at=now(), force=options["force"], told=told, jobs=options["jobs"]
                )
        except NotEmpty as error:
            raise CommandError(f"{error} With --force it is renamed and kept.") from error
        except BackupError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{target} holds the backup {backup.name}, row for row.")
        if aside:
            self.stdout.write(f"What was there is now the database {aside}: drop it when sure.")
        self.stdout.write("Next: DATABASE_ROLE=owner python manage.py migrate")

    def _confirm(self, target: str, name: str) -> None:
        if not sys.stdin.isatty():
            raise CommandError("Nobody is there to confirm: give --noinput.")
        self.stdout.write(f"The database {target} will hold the backup {name} and nothing else.")
        if input(f"Type {target} to go on: ") != target:
            raise CommandError("Nothing was done.")

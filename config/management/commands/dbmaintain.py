"""Rebuild indexes that are invalid or mostly gaps, renew statistics, name indexes nobody uses."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.template.defaultfilters import filesizeformat

from config.operations import maintenance
from config.operations.maintenance import Index
from config.operations.progress import show_progress
from config.operations.rules.bloat import WORTH_BYTES


class Command(BaseCommand):
    help = (
        "Rebuild invalid and bloated B-trees without stopping writers, remove what failed rebuilds "
        "left, renew statistics, and list indexes that no query has used. Run it as the owner: "
        "DATABASE_ROLE=owner python manage.py dbmaintain"
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
        parser.add_argument(
            "--least-mb",
            type=float,
            default=WORTH_BYTES / 2**20,
            help="rebuild for a gain of at least this many MB; 10",
        )
        parser.add_argument(
            "--no-analyze", action="store_true", help="leave statistics as they are"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if connection.in_atomic_block:
            raise CommandError("Indexes are rebuilt outside transactions.")
        dry_run, least = options["dry_run"], int(options["least_mb"] * 2**20)
        with show_progress() as told:
            if not options["no_analyze"] and not dry_run:
                told("renewing statistics", 0)
                maintenance.analyze()
            found = maintenance.indexes()
            work = [index for index in found if not index.is_valid or index.is_bloated(least)]
            failed = 0
            for done, index in enumerate(work):
                told(f"rebuilding {index.name}", done / len(work))
                failed += not self._mend(index, dry_run=dry_run)
        self._name_unused(found)
        if not work:
            self.stdout.write("Every index is valid and dense.")
        if failed:
            raise CommandError(f"{failed} of {len(work)} could not be mended; see above.")

    def _mend(self, index: Index, *, dry_run: bool) -> bool:
        """Return whether the index is as it should be, or nobody was to touch it."""
        verb = "remove" if index.is_left_behind else "rebuild"
        why = "bloated" if index.is_valid else "invalid"
        size = filesizeformat(index.size)
        if not index.is_ours:
            self.stdout.write(f"{index}: {why}, {size}; this role may not {verb} it")
            return True
        if dry_run:
            self.stdout.write(f"{index}: {why}, {size}; would {verb} it")
            return True
        mend = maintenance.drop_left_behind if index.is_left_behind else maintenance.rebuild
        if problem := mend(index):
            self.stderr.write(f"{index}: {problem}")
            return False
        done = "removed"
        if not index.is_left_behind:
            done = f"rebuilt, {filesizeformat(maintenance.size_of(index))}"
        self.stdout.write(f"{index}: {why}, {size}; {done}")
        return True

    def _name_unused(self, found: list[Index]) -> None:
        unused = [index for index in found if index.is_unused and index.size > 2**20]
        for index in unused:
            size = filesizeformat(index.size)
            self.stdout.write(f"{index} on {index.table}: never used, {size} (left as it is)")

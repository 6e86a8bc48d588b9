"""Verify the audit trail: the chain of seals, the rows under them, the anchors outside."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.services.seals.verification import Report, verify

EVERY = 200
"""Seals between two lines of progress."""


class Command(BaseCommand):
    help = (
        "Check that no entry of the audit trail was changed, removed or slipped in after it was "
        "sealed, that the chain of seals is whole and that it reaches the exported anchors. Exit "
        "code 0: whole; 1: broken."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--since", metavar="DATE",
            help="hash only rows sealed from this day on, 2026-01-31 (UTC); the chain is "
            "always checked from its beginning",
        )  # fmt: skip

    def handle(self, *args: Any, since: str | None = None, **options: Any) -> None:
        report = Report()
        for report in verify(_day(since)):
            if options["verbosity"] > 0 and report.seals % EVERY == 0:
                self.stdout.write(f"{report.seals:,} seals, {report.rows:,} rows")
        for found in report.breaks:
            where = f"Seal {found.seq}" if found.seq else "Retention"
            self.stderr.write(self.style.ERROR(f"{where}: {found.what}"))
        summary = (
            f"{report.seals:,} seals, {report.rows:,} rows hashed again, {report.retired:,} seals "
            f"of retired months, {report.anchors:,} anchors."
        )
        if report.breaks:
            raise CommandError(f"The audit trail is broken: {len(report.breaks)} breaks. {summary}")
        self.stdout.write(self.style.SUCCESS(f"The audit trail is whole. {summary}"))
        if report.seals and not report.anchors:
            self.stdout.write("No anchors to compare with: a tail cut off would not show.")


def _day(text: str | None) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC) if text else None
    except ValueError as error:
        raise CommandError("--since is a day such as 2026-01-31.") from error

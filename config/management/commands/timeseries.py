"""Which engine each time series runs on, and why; moving one to the other engine."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, transaction
from django.db.utils import ProgrammingError
from django.utils.timezone import now

from config.kit.timeseries import engine
from config.kit.timeseries.engine import Engine, EngineUnavailable, Standing

FEWEST_AHEAD = 3


class Command(BaseCommand):
    help = (
        "List the time series: engine, reason, partitions, and rows that found no partition. "
        "With --switch NAME --to ENGINE, move one to the other engine (as the owner of the "
        "tables: DATABASE_ROLE=owner); writers wait, calls recorded meanwhile stay in Redis."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--switch", metavar="NAME", help="the series to move")
        parser.add_argument("--to", choices=[each.value for each in Engine])
        parser.add_argument("--dry-run", action="store_true", help="say what would be moved")

    def handle(self, *args: Any, **options: Any) -> None:
        found = {each.series.name: each for each in engine.standings(connection, now())}
        if options["switch"]:
            self._switch(found.get(options["switch"]), options)
            return
        for standing in found.values():
            self._describe(standing)

    def _describe(self, standing: Standing) -> None:
        series, choice = standing.series, standing.choice
        self.stdout.write(f"{series.name}: {choice.engine} ({choice.why})")
        parts = "chunks" if standing.ahead is None else "partitions"
        self.stdout.write(
            f"  {standing.partitions} {parts} of one {series.interval},"
            f" kept {series.keep_days} days by default"
        )
        if standing.ahead is not None and standing.ahead < FEWEST_AHEAD:
            self.stdout.write(f"  ALARM: only {standing.ahead} partitions from now on")
        if standing.stranded:
            self.stdout.write(f"  ALARM: {standing.stranded} rows are in the default partition")
        available = engine.choose(connection)
        if available.engine != choice.engine:
            self.stdout.write(f"  {available.engine} would be chosen now: {available.why}")

    def _switch(self, standing: Standing | None, options: dict[str, Any]) -> None:
        if standing is None or not options["to"]:
            raise CommandError(
                "Name a series that exists, and the engine: --switch NAME --to ENGINE"
            )
        to = Engine(options["to"])
        if standing.choice.engine == to:
            raise CommandError(f"{standing.series.name} is on {to} already.")
        if options["dry_run"]:
            self.stdout.write(f"{standing.series.name} would move to {to}.")
            return
        try:
            with transaction.atomic():
                moved = engine.switch(connection, standing.series, to)
        except EngineUnavailable as error:
            raise CommandError(f"{standing.series.name} stays: {error}.") from error
        except ProgrammingError as error:
            raise CommandError(
                f"Only the owner may switch (DATABASE_ROLE=owner): {error}"
            ) from error
        self.stdout.write(f"{standing.series.name} is on {to} now; {moved} rows moved.")

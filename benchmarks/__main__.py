"""`make bench`: starts servers of its own, measures, prints one table and writes RESULTS.md.

`python -m benchmarks --full` measures the long ones with a million rows instead of 100,000.
"""

from __future__ import annotations

import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.bed import Bed, Row, open_bed
from benchmarks.calls import measure_recording
from benchmarks.database import (
    measure_activation,
    measure_audit,
    measure_ledger,
    measure_ledger_batched,
)
from benchmarks.exports import measure_export
from benchmarks.keys import measure_record_share, measure_verify
from benchmarks.licensing import measure_heartbeat, measure_validate
from benchmarks.lists import measure_lists
from benchmarks.trail import measure_bulk, measure_verification
from benchmarks.usage import measure_usage

RESULTS = Path(__file__).resolve().parent / "RESULTS.md"
MEASURES = (
    measure_validate,
    measure_heartbeat,
    measure_verify,
    measure_record_share,
    measure_activation,
    measure_ledger,
    measure_ledger_batched,
    measure_audit,
    measure_bulk,
    measure_verification,
    measure_lists,
    measure_usage,
    measure_export,
    measure_recording,
)


def main() -> None:
    console = Console()
    rows: list[Row] = []
    with open_bed(full="--full" in sys.argv[1:]) as bed:
        for measure in MEASURES:
            console.print(f"[dim]{measure.__doc__}[/dim]")
            rows.append(measure(bed))
        machine = describe_machine(bed)
    console.print(table_of(rows))
    console.print(machine)
    RESULTS.write_text(page_of(rows, machine))


def describe_machine(bed: Bed) -> str:
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, "
        f"PostgreSQL {bed.postgres_version} (fsync off), load {load:.1f} at the end, "
        f"{datetime.now(UTC):%Y-%m-%d}"
    )


def table_of(rows: list[Row]) -> Table:
    table = Table("what", "figure", "limit", "ratio", "wanted")
    for row in rows:
        table.add_row(row.what, row.figure, row.limit, f"{row.ratio:.2f}", row.wanted)
    return table


def page_of(rows: list[Row], machine: str) -> str:
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench`, with a million rows by `python -m benchmarks --full`. Absolute figures",
        "depend on the machine and on what else it does; the ratio against a limit that was measured in the",
        "same run, in turn with it, is what counts.",
        "",
        machine,
        "",
        "| what | figure | limit in the same run | ratio | wanted |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.what} | {row.figure} | {row.limit} | {row.ratio:.2f} | {row.wanted} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()

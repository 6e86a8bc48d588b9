"""How fast a worker writes a long list to its file, and how much memory that takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

from benchmarks.bed import Bed, Row
from benchmarks.usage import CALLS
from tests import services

ROWS = 300_000
MOST_MB = 64
_WRITE = """
import json, os, resource, time
from django.utils.timezone import now
from accounts.models import User
from accounts.services.privacy.exports import file_of, make_export, request_list
user = User.objects.get(pk=os.environ["BENCH_USER"])
organization = user.memberships.get(organization=os.environ["BENCH_ORGANIZATION"]).organization
def made(query):
    asked = request_list(user, organization=organization, name="api-calls",
        path="/usage/calls/", query=query)
    began = time.perf_counter()
    make_export(asked, at=now())
    taken = time.perf_counter() - began
    asked.refresh_from_db()
    assert asked.status == "ready", asked.failure
    file_of(asked).unlink()
    return asked.row_count, taken
made("range=all&q=nothing")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
rows, taken = made("range=all")
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(json.dumps([rows, taken, grown / 1024]))
"""
_COPY = (
    "COPY (SELECT * FROM series.api_calls WHERE organization_id = '{}' ORDER BY called_at, id)"
    " TO STDOUT WITH (FORMAT csv)"
)


def measure_export(bed: Bed) -> Row:
    """A list of 300,000 calls written to a file by a worker, beside PostgreSQL's own COPY."""
    [(user, organization)] = bed.ask(
        "SELECT user_id, organization_id FROM accounts_membership WHERE role = 'owner' LIMIT 1"
    )
    with bed.connect() as raw:
        raw.execute(CALLS, [organization, ROWS])
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "-v0", "-c", _WRITE],
        cwd=services.ROOT,
        env={
            **os.environ,
            **bed.stack.env,
            "SWITCHYARD_PROCESS": "worker",
            "BENCH_USER": str(user),
            "BENCH_ORGANIZATION": str(organization),
        },
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    rows, taken, grown = json.loads(done.stdout.strip().splitlines()[-1])
    copied = rows / _copy(bed, str(organization))
    return Row(
        f"a list of {rows:,} calls written to a file",
        f"{rows / taken:,.0f} rows/s, {grown:,.0f} MB more memory",
        f"{copied:,.0f} rows/s by COPY",
        rows / taken / copied,
        f"under {MOST_MB} MB, 2,000,000 rows within the task's 28 minutes",
    )


def _copy(bed: Bed, organization: str) -> float:
    began = time.perf_counter()
    with (
        bed.connect() as connection,
        connection.cursor() as cursor,
        cursor.copy(_COPY.format(organization)) as copy,
    ):
        for _ in copy:
            pass
    return time.perf_counter() - began

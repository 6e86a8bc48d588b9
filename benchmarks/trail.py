"""What proving the audit trail costs: many rows audited, many sealed and verified."""

from __future__ import annotations

import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
import time

from benchmarks.bed import Bed, Row, in_turn
from benchmarks.database import TWIN, make_unaudited_twin
from tests import services

BULK = 2_000
SEALED = 1_000_000
AT_ONCE = 50_000


def measure_bulk(bed: Bed) -> Row:
    """AUD-10: what the audit trail adds to each row of a bulk update."""
    with bed.connect() as raw:
        raw.execute("DELETE FROM accounts_organization WHERE name = 'bulk'")
        raw.execute(
            "INSERT INTO accounts_organization"
            " (id, name, country, subscription_tier, status, is_personal)"
            " SELECT gen_random_uuid(), 'bulk', 'DE', 'free', 'active', false"
            " FROM generate_series(1, %s)",
            [BULK],
        )
    make_unaudited_twin(bed)

    def median(table: str) -> float:
        """Return microseconds a row."""
        times = []
        with bed.connect() as raw:
            for country in ("AT", "CH", "FR"):
                began = time.perf_counter()
                with raw.transaction():
                    raw.execute(
                        "SELECT set_config('audit.ctx', '{\"actor_kind\":\"bench\"}', true)"
                    )
                    raw.execute(f"UPDATE {table} SET country = %s WHERE name = 'bulk'", [country])
                times.append(time.perf_counter() - began)
        return statistics.median(times) * 1e6 / BULK

    figure, limit, ratio = in_turn(lambda: median("accounts_organization"), lambda: median(TWIN))
    return Row(
        f"audited update of {BULK:,} rows at once",
        f"{figure:.0f} us a row",
        f"{limit:.0f} us a row without the trail",
        ratio,
        f"adds under 100 us a row; added {figure - limit:.0f} us",
    )


def measure_verification(bed: Bed) -> Row:
    """AUD-6: sealing and verifying the rows of the trail, a million in full."""
    missing = bed.sized(SEALED) - int(bed.ask("SELECT count(*) FROM audit.logs")[0][0])
    with tempfile.TemporaryDirectory() as anchors:
        env = bed.stack.env | {
            "SWITCHYARD_PROCESS": "command", "AUDIT_ANCHOR_DIR": anchors, "LOG_LEVEL": "ERROR",
        }  # fmt: skip
        while missing > 0:
            with bed.connect() as raw:
                raw.execute(
                    "SELECT audit.event('bench', 'accounts_user', n::text, NULL,"
                    " jsonb_build_object('number', n)) FROM generate_series(1, %s) n",
                    [min(missing, AT_ONCE)],
                )
            missing -= AT_ONCE
            _manage(env, "shell", "-v0", "-c", _SEAL)
        began = time.perf_counter()
        _manage(env, "verify_audit", "-v0")
        took = time.perf_counter() - began
    rows = int(bed.ask("SELECT sum(row_count) FROM audit.seals")[0][0])
    began = time.perf_counter()
    digest = hashlib.sha256()
    with bed.connect() as raw, raw.cursor("bare") as cursor:
        cursor.itersize = 5_000
        cursor.execute("SELECT id, sha256(l::text::bytea) FROM audit.logs l ORDER BY id")
        for _, row_hash in cursor:
            digest.update(row_hash)
    bare = time.perf_counter() - began
    return Row(
        f"verify {rows:,} rows of the trail and their seals",
        f"{took:.1f} s",
        f"{bare:.1f} s to read and hash them bare",
        took / bare,
        f"under 60 s a million rows; {took * 1e6 / rows:.0f} s at this pace",
    )


_SEAL = "from accounts.services.seals.sealing import seal_rows; seal_rows()"


def _manage(env: dict[str, str], *arguments: str) -> None:
    subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=services.ROOT, env={**os.environ, **env}, check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip

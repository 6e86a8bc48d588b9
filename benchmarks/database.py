"""What correctness costs in the database: locks, the ledger's triggers, the audit trail."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import Queue
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
from cryptography.fernet import Fernet

from benchmarks.bed import Bed, Row, in_turn

CALLERS = 8
ACTIVATIONS = 160
POSTINGS = 400
UPDATES = 300


def _all_at_once(work: Callable[[int], Any], count: int) -> float:
    """Run `work` for each number from 8 threads; return how many a second were done."""
    began = time.perf_counter()
    with ThreadPoolExecutor(CALLERS) as pool:
        list(pool.map(work, range(count)))
    return count / (time.perf_counter() - began)


def measure_activation(bed: Bed) -> Row:
    """Activations that fight for the seats of one license."""
    row = bed.ask("SELECT id, key_sealed FROM licensing_license WHERE status = 'active' LIMIT 1")[0]
    license_id: UUID = row[0]
    key = Fernet(bed.stack.env["SWITCHYARD_SECRETS_KEY"]).decrypt(bytes(row[1])).decode()
    clients: Queue[httpx.Client] = Queue()
    connections: Queue[psycopg.Connection[Any]] = Queue()
    for _ in range(CALLERS):
        clients.put(httpx.Client(base_url=bed.stack.site, timeout=30))
        connections.put(bed.connect())

    def activate(number: int) -> None:
        body = {"license_key": key, "device_id": str(uuid4()), "device_name": "bench"}
        client = clients.get()
        answer = client.post("/api/v1/licenses/activate", json=body)
        clients.put(client)
        assert answer.status_code == 201, answer.text

    def bare(number: int) -> None:
        raw = connections.get()
        with raw.transaction():
            raw.execute("SELECT 1 FROM licensing_license WHERE id = %s FOR UPDATE", [license_id])
            raw.execute("INSERT INTO bench_links (license_id) VALUES (%s)", [license_id])
        connections.put(raw)

    with psycopg.connect(bed.stack.env["DATABASE_URL"]) as admin:
        admin.execute(
            "CREATE TABLE IF NOT EXISTS bench_links (license_id uuid, at timestamptz DEFAULT now())"
        )
        admin.execute("GRANT ALL ON bench_links TO switchyard_system")
    figure, limit, ratio = in_turn(
        lambda: _all_at_once(activate, ACTIVATIONS), lambda: _all_at_once(bare, ACTIVATIONS)
    )
    while not clients.empty():
        clients.get().close()
        connections.get().close()
    return Row(
        f"activate, {CALLERS} callers on one license, over HTTP",
        f"{figure:,.0f} a second",
        f"{limit:,.0f} bare lock + insert transactions a second",
        ratio,
        "seats exact (tests); for the record",
    )


def measure_ledger(bed: Bed) -> Row:
    """Ledger postings of three legs, one commit each, by 8 clients."""
    return _ledger(bed, "ledger posting, 3 legs, one commit each", per_commit=1, wanted=500)


def measure_ledger_batched(bed: Bed) -> Row:
    """Ledger postings of three legs, 100 to a commit, by 8 clients."""
    return _ledger(bed, "ledger posting, 3 legs, 100 to a commit", per_commit=100, wanted=3000)


def _ledger(bed: Bed, what: str, *, per_commit: int, wanted: int) -> Row:
    with psycopg.connect(bed.stack.env["DATABASE_URL"], autocommit=True) as admin:
        admin.execute(_BARE_LEDGER)
    accounts = [
        row[0]
        for row in bed.ask("SELECT id FROM billing_ledgeraccount WHERE currency = 'EUR' LIMIT 3")
    ]
    legs = list(zip(accounts, (-300, 100, 200), strict=True))

    def ours(raw: psycopg.Connection[Any]) -> None:
        _write(raw, _POST, _LEGS, legs)

    def bare(raw: psycopg.Connection[Any]) -> None:
        _write(raw, _BARE_POST, _BARE_LEGS, legs)

    figure, limit, ratio = in_turn(
        lambda: _postings(bed, ours, per_commit), lambda: _postings(bed, bare, per_commit)
    )
    return Row(
        f"{what}, {CALLERS} clients",
        f"{figure:,.0f} a second",
        f"{limit:,.0f} bare inserts of the same rows a second",
        ratio,
        f"at least {wanted:,} a second",
    )


_BARE_LEDGER = """
CREATE TABLE IF NOT EXISTS bench_tx (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, key text UNIQUE);
CREATE TABLE IF NOT EXISTS bench_legs (
    tx bigint REFERENCES bench_tx, account uuid, currency char(3), amount bigint);
CREATE INDEX IF NOT EXISTS bench_legs_tx ON bench_legs (tx);
GRANT ALL ON bench_tx, bench_legs TO switchyard_system;
"""
_POST = (
    "INSERT INTO billing_ledgertransaction (key, kind, reference, booked_at)"
    " VALUES (%s, 'bench', '{}', now()) RETURNING id"
)
_LEGS = (
    "INSERT INTO billing_ledgerentry (transaction_id, account_id, currency, amount_minor)"
    " VALUES (%s, %s, 'EUR', %s), (%s, %s, 'EUR', %s), (%s, %s, 'EUR', %s)"
)
_BARE_POST = "INSERT INTO bench_tx (key) VALUES (%s) RETURNING id"
_BARE_LEGS = (
    "INSERT INTO bench_legs VALUES (%s, %s, 'EUR', %s), (%s, %s, 'EUR', %s), (%s, %s, 'EUR', %s)"
)


def _write(
    raw: psycopg.Connection[Any], head: str, body: str, legs: list[tuple[UUID, int]]
) -> None:
    made = raw.execute(head, [f"bench:{uuid4()}"]).fetchone()
    assert made is not None
    raw.execute(body, [value for leg in legs for value in (made[0], *leg)])


def _postings(bed: Bed, work: Callable[[psycopg.Connection[Any]], None], per_commit: int) -> float:
    """Return postings a second, each client on a connection of its own."""

    def client(_: int) -> None:
        with bed.connect() as raw:
            for number in range(POSTINGS):
                work(raw)
                if (number + 1) % per_commit == 0:
                    raw.commit()

    return _all_at_once(client, CALLERS) * POSTINGS


TWIN = "bench_organization"


def make_unaudited_twin(bed: Bed) -> None:
    """Copy organizations with their indexes and triggers, all but the one of the trail."""
    with psycopg.connect(bed.stack.env["DATABASE_URL"], autocommit=True) as admin:
        admin.execute(f"DROP TABLE IF EXISTS {TWIN}")
        admin.execute(
            f"CREATE TABLE {TWIN} (LIKE accounts_organization INCLUDING DEFAULTS INCLUDING INDEXES)"
        )
        admin.execute(f"INSERT INTO {TWIN} SELECT * FROM accounts_organization")
        for (trigger,) in admin.execute(
            "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal"
            " AND tgrelid = 'accounts_organization'::regclass AND tgname NOT LIKE 'zz_audit%'"
        ).fetchall():
            admin.execute(trigger.replace("public.accounts_organization ", f"{TWIN} "))
        admin.execute(f"GRANT ALL ON {TWIN} TO switchyard_system")


def measure_audit(bed: Bed) -> Row:
    """AUD-10: what the audit trail adds to a single-row update."""
    make_unaudited_twin(bed)
    key = bed.ask("SELECT id FROM accounts_organization LIMIT 1")[0][0]

    def median(table: str) -> float:
        times = []
        with bed.connect() as raw:
            for number in range(UPDATES):
                began = time.perf_counter()
                with raw.transaction():
                    raw.execute(
                        "SELECT set_config('audit.ctx', '{\"actor_kind\":\"bench\"}', true)"
                    )
                    raw.execute(f"UPDATE {table} SET name = %s WHERE id = %s", [str(number), key])
                times.append(time.perf_counter() - began)
        return statistics.median(times) * 1000

    figure, limit, ratio = in_turn(lambda: median("accounts_organization"), lambda: median(TWIN))
    return Row(
        "audited update of one row, whole transaction",
        f"{figure:.2f} ms median",
        f"{limit:.2f} ms the same row without the trail",
        ratio,
        f"adds under 0.3 ms; added {figure - limit:.2f} ms",
    )

"""Everything the stand-in knows, in one SQLite file: objects, keys, deliveries, settings."""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Object = dict[str, Any]

SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    created INTEGER NOT NULL,
    body TEXT NOT NULL,
    private TEXT NOT NULL DEFAULT '{}'
);
CREATE INDEX IF NOT EXISTS objects_kind ON objects (kind, seq);
CREATE INDEX IF NOT EXISTS objects_customer
    ON objects (kind, json_extract(body, '$.customer'), seq);
CREATE INDEX IF NOT EXISTS objects_intent
    ON objects (kind, json_extract(body, '$.payment_intent'), seq);
CREATE TABLE IF NOT EXISTS idempotency (
    key TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    claimed_at INTEGER NOT NULL,
    status INTEGER,
    body TEXT,
    request_id TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS idempotency_age ON idempotency (claimed_at);
CREATE TABLE IF NOT EXISTS endpoints (
    id TEXT PRIMARY KEY, url TEXT NOT NULL UNIQUE, secret TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id TEXT NOT NULL,
    endpoint_id TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    due_at REAL NOT NULL,
    answer INTEGER
);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (state, due_at);
CREATE INDEX IF NOT EXISTS deliveries_event ON deliveries (event_id);
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
TABLES = ("objects", "idempotency", "endpoints", "deliveries", "settings")


class Store:
    """One connection under one lock: a request is one transaction, and they queue."""

    def __init__(self, path: str) -> None:
        if path != ":memory:":
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;" + SCHEMA)
        # What a killed process had in its hands was never executed or never confirmed.
        self._db.execute("DELETE FROM idempotency WHERE status IS NULL")
        self._db.execute("UPDATE deliveries SET state = 'pending' WHERE state = 'sending'")
        self.offset = int(self.setting("clock_offset") or 0)

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commits, also when the refusal raised inside says that its writes are facts."""
        with self._lock:
            if self._db.in_transaction:
                yield
                return
            self._db.execute("BEGIN")
            try:
                yield
            except BaseException as error:
                self._db.execute("COMMIT" if getattr(error, "keep", False) else "ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def run(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def wipe(self) -> None:
        with self.transaction():
            for table in TABLES:
                self._db.execute(f"DELETE FROM {table}")
        self.offset = 0

    def now(self) -> int:
        """Vendor time: the real clock plus the offset that a test may set."""
        return int(time.time()) + self.offset

    def set_offset(self, seconds: int) -> None:
        self.offset = seconds
        self.set_setting("clock_offset", seconds)

    # Settings

    def setting(self, name: str) -> Any:
        rows = self.run("SELECT value FROM settings WHERE name = ?", name)
        return json.loads(rows[0][0]) if rows else None

    def set_setting(self, name: str, value: Any) -> None:
        self.run("INSERT OR REPLACE INTO settings VALUES (?, ?)", name, json.dumps(value))

    # Objects

    def new_id(self, prefix: str) -> str:
        return f"{prefix}_{secrets.token_hex(12)}"

    def insert(self, obj: Object, private: Object | None = None) -> Object:
        self.run(
            "INSERT INTO objects (id, kind, created, body, private) VALUES (?, ?, ?, ?, ?)",
            obj["id"],
            obj["object"],
            obj.get("created", 0),
            json.dumps(obj),
            json.dumps(private or {}),
        )
        return obj

    def save(self, obj: Object) -> None:
        self.run("UPDATE objects SET body = ? WHERE id = ?", json.dumps(obj), obj["id"])

    def find(self, kind: str, identifier: str) -> Object | None:
        rows = self.run("SELECT body FROM objects WHERE id = ? AND kind = ?", identifier, kind)
        return json.loads(rows[0][0]) if rows else None

    def find_any(self, identifier: str) -> Object | None:
        rows = self.run("SELECT body FROM objects WHERE id = ?", identifier)
        return json.loads(rows[0][0]) if rows else None

    def private(self, identifier: str) -> Object:
        """What the vendor knows and does not show: a card's number, a session's answer."""
        rows = self.run("SELECT private FROM objects WHERE id = ?", identifier)
        return json.loads(rows[0][0]) if rows else {}

    def set_private(self, identifier: str, **values: Any) -> None:
        private = json.dumps({**self.private(identifier), **values})
        self.run("UPDATE objects SET private = ? WHERE id = ?", private, identifier)

    def select(
        self, kind: str, conditions: list[tuple[str, Any]], *, newest_first: bool, limit: int
    ) -> list[Object]:
        """Objects of a kind; conditions are SQL written in this package, values are bound."""
        where = "".join(f" AND {sql}" for sql, _ in conditions)
        order = "DESC" if newest_first else "ASC"
        sql = f"SELECT body FROM objects WHERE kind = ?{where} ORDER BY seq {order} LIMIT ?"
        values = [value for _, given in conditions for value in _flat(given)]
        return [json.loads(row[0]) for row in self.run(sql, kind, *values, limit)]

    def sequence(self, identifier: str) -> int | None:
        rows = self.run("SELECT seq FROM objects WHERE id = ?", identifier)
        return int(rows[0][0]) if rows else None


def _flat(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]

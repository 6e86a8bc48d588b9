"""Backups, metrics, the pool of connections and the read replica: all switched by environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import environ

env = environ.Env()
_var = Path(
    env.str("SWITCHYARD_VAR", default=str(Path(__file__).resolve().parent.parent.parent / "var"))
)

# Backups. The role that copies reads everything and can change nothing.
BACKUP_DIR = env.str("BACKUP_DIR", default=str(_var / "backups"))
BACKUP_KEYS = env.list("BACKUP_KEYS", default=[])
"""Keys that seal backups, newest first; without one, dumps lie in the clear (mode 600)."""
DATABASE_BACKUP_URL = env.str("DATABASE_BACKUP_URL", default="")
DATABASE_VERIFY_URL = env.str("DATABASE_VERIFY_URL", default="")
"""Where `verify_backup` makes its scratch database; the backup role's own server by default."""
POSTGRES_BIN = env.str("POSTGRES_BIN", default="")
BACKUP_TIME_LIMIT = env.int("BACKUP_TIME_LIMIT", default=4 * 3600)

METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
"""Opens /metrics of the back office; without it they are off, in the demo for this machine only."""
METRICS_DIR = env.str("METRICS_DIR", default=str(_var / "metrics"))

# Connections. Without a pool each thread keeps one of its own, which is the fastest: as many as
# there are threads. With one, a process opens at most DATABASE_POOL and threads share them.
DATABASE_POOL = env.int("DATABASE_POOL", default=0)
DATABASE_POOL_TIMEOUT = env.int("DATABASE_POOL_TIMEOUT", default=5)

# Reads that may be a moment old go to a replica where its address is given.
READ_OWN_WRITES_SECONDS = env.int("READ_OWN_WRITES_SECONDS", default=10)


def pooled(database: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of one database, with a pool when there is to be one."""
    if not DATABASE_POOL:
        return database
    pool = {
        "min_size": min(2, DATABASE_POOL),
        "max_size": DATABASE_POOL,
        "timeout": DATABASE_POOL_TIMEOUT,
        "max_lifetime": 3600,
        "max_idle": 300,
    }
    return database | {"CONN_MAX_AGE": 0, "OPTIONS": database["OPTIONS"] | {"pool": pool}}

"""What a time series is: its columns, its intervals, how long it is kept, what is rolled up."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

SCHEMA = "series"
"""Holds raw tables, partitions and roll-ups; the app role may not even look inside."""

Interval = Literal["day", "month"]


@dataclass(frozen=True)
class Rollup:
    """Exact sums of a series, kept by statement triggers in the transaction of each change.

    `dimensions` are (name, type, expression over a row of the series), the first one the
    truncated time; `measures` are (name, expression) of whole numbers that may be added up.
    """

    name: str
    dimensions: tuple[tuple[str, str, str], ...]
    measures: tuple[tuple[str, str], ...]

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> Self:
        return cls(
            facts["name"],
            tuple((name, kind, said) for name, kind, said in facts["dimensions"]),
            tuple((name, said) for name, said in facts["measures"]),
        )

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(name for name, *_ in self.dimensions)

    @property
    def sums(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.measures)


@dataclass(frozen=True)
class Series:
    """The declaration of one series; a migration holds it and the table's comment repeats it.

    `columns` are (name, SQL type with constraints). `key` and `time` together are the primary
    key, which makes ingest idempotent. `behind_days` and `ahead_days` say for which days there is
    always a partition; rows outside wait in the default partition, which is an alarm.
    `keep_days` is the default retention of raw rows; roll-ups outlive them.
    """

    name: str
    columns: tuple[tuple[str, str], ...]
    time: str
    key: str = "id"
    tenant: str = "organization_id"
    interval: Interval = "day"
    keep_days: int = 90
    behind_days: int = 3
    ahead_days: int = 14
    compress_after_days: int = 7
    indexes: tuple[str, ...] = ()
    rollup: Rollup | None = field(default=None)

    @property
    def table(self) -> str:
        return f"{SCHEMA}.{self.name}"

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        facts = json.loads(text)
        rollup = facts.pop("rollup")
        facts["columns"] = tuple((name, kind) for name, kind in facts["columns"])
        facts["indexes"] = tuple(facts["indexes"])
        return cls(**facts, rollup=rollup and Rollup.from_facts(rollup))

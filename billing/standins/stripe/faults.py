"""The ways in which the vendor may fail, and the dice that choose one."""

from __future__ import annotations

import random
import re
import threading
from dataclasses import asdict, dataclass
from typing import Any

from billing.standins.stripe.store import Store

_SETTING = "faults"


@dataclass(frozen=True, slots=True)
class Faults:
    """Shares are probabilities from 0 to 1; all off by default."""

    lose_answer: float = 0.0  # execute, then cut the connection without a byte
    fail_before: float = 0.0  # answer fail_status, execute nothing, remember nothing
    fail_status: int = 500
    save_500: float = 0.0  # answer 500 and replay it under the key for ever
    save_500_executes: bool = True  # whether that 500 hides a success
    rate_limit: float = 0.0  # answer 429, execute nothing
    latency_ms: int = 0  # before executing, while the idempotency key is held
    ignore_idempotency: bool = False  # execute every repetition
    match: str = "^POST "  # a regular expression over "METHOD /path"
    times: int = -1  # how many requests may still be hit; -1 is no limit
    seed: int = 0  # of the dice; 0 is a different one each time


@dataclass(frozen=True, slots=True)
class Fate:
    """What was decided for one request."""

    name: str = ""
    latency_ms: int = 0
    ignore_idempotency: bool = False
    status: int = 500
    executes: bool = True


class Dice:
    """The faults in force; they survive a restart."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self.faults = Faults(**(store.setting(_SETTING) or {}))
        self._random = random.Random(self.faults.seed or None)

    def set(self, faults: Faults) -> None:
        with self._lock:
            self.faults = faults
            self._random = random.Random(faults.seed or None)
            self._store.set_setting(_SETTING, asdict(faults))

    def throw(self, method: str, path: str) -> Fate:
        faults = self.faults
        if faults == _NONE or not re.search(faults.match, f"{method} {path}"):
            return Fate()
        with self._lock:
            name = self._hit()
        return Fate(
            name=name,
            latency_ms=faults.latency_ms,
            ignore_idempotency=faults.ignore_idempotency,
            status=faults.fail_status,
            executes=name != "save_500" or faults.save_500_executes,
        )

    def _hit(self) -> str:
        faults = self.faults
        if faults.times == 0:
            return ""
        for name in ("rate_limit", "fail_before", "save_500", "lose_answer"):
            share: float = getattr(faults, name)
            if share and self._random.random() < share:
                if faults.times > 0:
                    self.faults = Faults(**{**asdict(faults), "times": faults.times - 1})
                return name
        return ""


_NONE = Faults()


def changed(current: Any, values: dict[str, Any]) -> Any:
    """A settings record with some values replaced; refuses unknown names and wrong types."""
    fields = asdict(current)
    for name, given in values.items():
        if name not in fields:
            raise ValueError(f"unknown setting: {name}")
        kind = type(fields[name])
        value = float(given) if kind is float and type(given) is int else given
        if type(value) is not kind:
            raise ValueError(f"{name} must be of type {kind.__name__}")
        fields[name] = value
    return type(current)(**fields)

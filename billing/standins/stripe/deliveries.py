"""Webhook deliveries as rows: planned with the event, claimed by a sender, retried until 2xx.

Times here are real, not vendor time: a signature carries the time at which it was sent.
"""

from __future__ import annotations

import random
import time
from dataclasses import asdict, dataclass

from billing.standins.stripe.store import Store

_SETTING = "webhooks"
_ATTEMPT_CAP_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How webhooks misbehave; set by ``POST /_control/webhooks``."""

    paused: bool = False  # keep everything until it is switched off
    copies: int = 1  # how many times each event is sent in all
    drop: float = 0.0  # share of events that are never sent
    delay_ms: int = 0  # before the first attempt
    shuffle_ms: int = 0  # a random extra delay up to this, so that the order is lost
    retry_ms: int = 1000  # after the first failure; doubles up to a minute
    max_attempts: int = 16


@dataclass(frozen=True, slots=True)
class Delivery:
    id: int
    event_id: str
    url: str
    secret: str
    attempts: int


def behaviour(store: Store) -> Behaviour:
    return Behaviour(**(store.setting(_SETTING) or {}))


def set_behaviour(store: Store, rules: Behaviour) -> None:
    store.set_setting(_SETTING, asdict(rules))


def add_endpoint(store: Store, url: str, secret: str) -> str:
    rows = store.run("SELECT id FROM endpoints WHERE url = ?", url)
    identifier = str(rows[0][0]) if rows else store.new_id("we")
    store.run("INSERT OR REPLACE INTO endpoints VALUES (?, ?, ?)", identifier, url, secret)
    return identifier


def remove_endpoint(store: Store, url: str) -> None:
    """What was still on its way there never arrives."""
    with store.transaction():
        for (identifier,) in store.run("DELETE FROM endpoints WHERE url = ? RETURNING id", url):
            store.run(
                "UPDATE deliveries SET state = 'failed' "
                "WHERE endpoint_id = ? AND state = 'pending'",
                identifier,
            )


def plan(store: Store, event_id: str) -> None:
    """One row for each endpoint and copy; runs in the transaction of the event."""
    endpoints = store.run("SELECT id FROM endpoints")
    if not endpoints:
        return
    rules = behaviour(store)
    for (endpoint_id,) in endpoints:
        dropped = random.random() < rules.drop
        for _ in range(max(1, rules.copies)):
            wait_ms = rules.delay_ms + random.random() * rules.shuffle_ms
            store.run(
                "INSERT INTO deliveries (event_id, endpoint_id, state, due_at) VALUES (?, ?, ?, ?)",
                event_id,
                endpoint_id,
                "dropped" if dropped else "pending",
                time.time() + wait_ms / 1000,
            )


def claim(store: Store) -> Delivery | None:
    """The next delivery that is due, now in the hands of one sender."""
    with store.transaction():
        rows = store.run(
            "SELECT d.id, d.event_id, e.url, e.secret, d.attempts "
            "FROM deliveries d JOIN endpoints e ON e.id = d.endpoint_id "
            "WHERE d.state = 'pending' AND d.due_at <= ? ORDER BY d.due_at LIMIT 1",
            time.time(),
        )
        if not rows or behaviour(store).paused:
            return None
        delivery = Delivery(*rows[0])
        store.run("UPDATE deliveries SET state = 'sending' WHERE id = ?", delivery.id)
        return delivery


def settle(store: Store, delivery: Delivery, answer: int | None) -> None:
    """Record the receiver's status; anything but 2xx is tried again, up to a bound."""
    attempts = delivery.attempts + 1
    rules = behaviour(store)
    if answer is not None and 200 <= answer < 300:
        state, due_at = "delivered", time.time()
    elif attempts >= rules.max_attempts:
        state, due_at = "failed", time.time()
    else:
        wait = min(rules.retry_ms / 1000 * 2 ** (attempts - 1), _ATTEMPT_CAP_SECONDS)
        state, due_at = "pending", time.time() + wait
    store.run(
        "UPDATE deliveries SET state = ?, attempts = ?, due_at = ?, answer = ? WHERE id = ?",
        state,
        attempts,
        due_at,
        answer,
        delivery.id,
    )


def counts(store: Store) -> dict[str, int]:
    return dict(store.run("SELECT state, count(*) FROM deliveries GROUP BY state"))


def resend(store: Store) -> int:
    """Bring dropped and failed deliveries back, as the vendor's Resend button does."""
    rows = store.run(
        "UPDATE deliveries SET state = 'pending', attempts = 0, due_at = ? "
        "WHERE state IN ('dropped', 'failed') RETURNING id",
        time.time(),
    )
    return len(rows)

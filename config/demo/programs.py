"""The customer's programs: API keys in every state, and thirty days of calls made with them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Max, Sum
from django.utils.timezone import localtime

from accounts.models import ApiKey, Organization, StoredHour, User
from accounts.rules.calls import VALID, Call, id_at
from accounts.services import keys
from accounts.services.calls import ingest
from billing.services.metering import meter_calls
from billing.services.quotas import watch_quotas
from config.demo.catalogue import HISTORY_API, TELEMETRY
from config.kit.timeseries import engine

DAYS = 30
USUAL_A_DAY, LEAST_DAYS = 2_000, 5
THIS_MONTH = 49_600
"""Of the 60,000 that the plan allows: enough for the warning at 80 percent."""

GATEWAY, REPORTS, STAGING = "Plant gateway", "Night reports", "Staging"
_ENDPOINTS: dict[str, list[tuple[str, str, int, int]]] = {
    TELEMETRY: [
        ("GET", "/v1/machines/:id/state", 60, 28),
        ("POST", "/v1/measurements", 26, 45),
        ("GET", "/v1/machines", 10, 70),
        ("GET", "/v1/alarms", 4, 52),
    ],
    HISTORY_API: [("GET", "/v1/series/:id", 9, 260), ("POST", "/v1/queries", 3, 740)],
}
"""Method, path, how often of a hundred, and the usual milliseconds."""

_FAILURES = [(404, VALID), (422, VALID), (500, VALID), (429, "RATE_LIMITED")]


@dataclass(frozen=True, slots=True)
class Program:
    """One key and its past: when it was made and how it is used."""

    name: str
    made_days_ago: int
    scopes: tuple[str, ...] = ()
    environment: str = "live"
    ends_in_days: int | None = None
    description: str = ""


_PROGRAMS = [
    Program(GATEWAY, 140, ("keys:verify", "calls:write"), description="Asks before each request."),
    Program(REPORTS, 96, ("usage:read", "billing:read"), ends_in_days=9),
    Program(STAGING, 60, ("licenses:read", "licenses:write"), environment="test"),
    Program("Old dashboard", 210, ("usage:read",)),
    Program("Contractor", 48, ("licenses:read",)),
    Program("Label printer", 120, ("licenses:read",)),
]


def fill_keys(organization: Organization, owner: User, *, at: datetime) -> int:
    """Issue the keys that are missing; returns how many. Nobody learns their text."""
    have = set(ApiKey.objects.for_organization(organization).values_list("name", flat=True))
    missing = [program for program in _PROGRAMS if program.name not in have]
    for program in missing:
        key, _ = keys.issue_key(
            organization,
            name=program.name,
            description=program.description,
            scopes=program.scopes,
            environment=program.environment,
            expires_at=at + timedelta(days=program.ends_in_days) if program.ends_in_days else None,
            by=owner,
        )
        made = at - timedelta(days=program.made_days_ago)
        ApiKey.objects.filter(pk=key.pk).update(created_at=made)
        if program.name == "Contractor":
            keys.revoke_key(key, reason="The project is over")
        elif program.name == "Label printer":
            keys.rotate_key(key, by=owner, overlap=timedelta(days=3))
    return len(missing)


def fill_calls(organization: Organization, *, at: datetime) -> int:
    """Write thirty days of calls as the flusher would, and what follows; returns how many."""
    if StoredHour.objects.for_organization(organization).exists():
        return 0
    _make_room(at)
    held = ApiKey.objects.for_organization(organization)
    used = {name: held.get(name=name) for name in (GATEWAY, REPORTS, STAGING)}
    batch, written = [], 0
    for call in _calls(organization, used, at):
        batch.append(call)
        if len(batch) == ingest.BATCH:
            ingest.write(batch)
            written, batch = written + len(batch), []
    ingest.write(batch)
    _note_uses(used)
    meter_calls(since=at - timedelta(days=DAYS + 1), at=at)
    watch_quotas(at=at)
    return written + len(batch)


def _make_room(at: datetime) -> None:
    """Make the partitions of the past days: the house itself makes those of the days to come."""
    for standing in engine.standings(connection, at):
        for days in range(DAYS, 0, -standing.series.ahead_days):
            engine.prepare(connection, standing.series, at - timedelta(days=days))


def _calls(organization: Organization, used: dict[str, ApiKey], at: datetime) -> Iterator[Call]:
    chance = random.Random(20_26)  # noqa: S311  the same demo every time, no secret
    kinds = [(product, *each) for product, many in _ENDPOINTS.items() for each in many]
    weights = [kind[3] for kind in kinds]
    for moment in _moments(chance, at):
        product, method, path, _, usual = chance.choices(kinds, weights)[0]
        name = REPORTS if product == HISTORY_API else GATEWAY
        if chance.random() < 0.04:
            name = STAGING
        latency = usual * chance.lognormvariate(0, 0.45) * (6 if chance.random() < 0.01 else 1)
        failed = chance.random() < 0.017
        status, outcome = chance.choice(_FAILURES) if failed else (200, VALID)
        yield Call(
            id=id_at(moment, chance.getrandbits(74)),
            organization_id=organization.pk,
            api_key_id=used[name].pk,
            endpoint=path,
            method=method,
            status_code=status,
            latency_ms=max(1, round(latency)),
            product=product,
            outcome=outcome,
        )


def _moments(chance: random.Random, at: datetime) -> Iterator[datetime]:
    """Yield when calls were made: more by day than by night, fewer at weekends, oldest first."""
    month = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    hours = [at - timedelta(hours=back) for back in range(DAYS * 24, 0, -1)]
    recent = [hour for hour in hours if hour >= month]
    whole = sum(map(_business, recent))
    # The share of the telemetry API that the quota counts, refusals aside.
    wanted = THIS_MONTH / 0.886
    elapsed = (at - month) / timedelta(days=1)
    usual = USUAL_A_DAY / (sum(map(_business, hours)) / DAYS)
    rate = wanted / whole if elapsed >= LEAST_DAYS else usual
    for hour in hours:
        expected = _business(hour) * (rate if hour >= month else usual)
        for _ in range(round(expected * chance.uniform(0.85, 1.15))):
            yield hour + timedelta(milliseconds=chance.randrange(3_600_000))


def _business(moment: datetime) -> float:
    local = localtime(moment)
    weekend = 0.45 if local.weekday() >= 5 else 1.0
    return weekend * (1.0 if 6 <= local.hour < 18 else 0.4)


def _note_uses(used: dict[str, ApiKey]) -> None:
    """Let the keys know of their past: uses are counted in Redis only as they happen."""
    rows: Any = StoredHour.objects.filter(api_key_id__in=[key.pk for key in used.values()])
    for row in rows.values("api_key_id").annotate(Sum("requests"), Max("hour")).order_by():
        ApiKey.objects.filter(pk=row["api_key_id"]).update(
            usage_count=row["requests__sum"],
            last_used_at=row["hour__max"],
            last_used_ip="203.0.113.24",
        )

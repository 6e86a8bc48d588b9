"""API key verification against an empty WSGI view with one Redis pipeline, and what recording adds."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys

import orjson

from benchmarks import load
from benchmarks.bed import Bed, Row, in_turn
from tests import services

CONNECTIONS = 8
SECONDS = 2.0
KEYS = 20
CALLS = 4000
# Limits that no benchmark meets: what is measured is the answer, not the refusal.
_MAKE = f"""
import json
from django.utils.timezone import now
from accounts.models import Organization
from accounts.services import limits
from accounts.services.keys import issue_key
organization = Organization.objects.order_by("created_at").first()
allowance = limits.Allowance("enterprise", 100_000_000, None)
limits.set_allowances(organization, {{"": allowance}}, at=now())
_, caller = issue_key(organization, name="Gateway", scopes=["keys:verify"], by=None)
made = [issue_key(organization, name="K", by=None)[1] for _ in range({KEYS})]
print(json.dumps([caller, *made]))
"""
_TIME = """
import json, os, sys, time
from django.utils.timezone import now
from accounts.gateways import key_cache
from accounts.services import keys, limits
from accounts.services.keys.hashing import address_of
from config.kit.ids import uuid7
caller, text = os.environ["BENCH_CALLER"], os.environ["BENCH_KEY"]
keys.verify(caller, text, caller_ip=None, at=now())
def median(record, count):
    found = []
    asked = dict(caller=address_of(caller), key=address_of(text), caller_ip=None, ip=None,
        scopes=(), product="", endpoint="/v1/bench", method="GET", cost=1)
    for _ in range(count):
        at = time.time()
        began = time.perf_counter()
        key_cache.verify(key_cache.Question(**asked, call_id=uuid7()), now=at,
            month=limits.month_of(now()), record=record)
        found.append(time.perf_counter() - began)
    return sorted(found)[count // 2]
count = int(os.environ["BENCH_CALLS"]) // 8
pairs = [(median(True, count), median(False, count)) for _ in range(8)]
print(json.dumps(pairs))
"""
_made: list[str] = []


def measure_verify(bed: Bed) -> Row:
    """API key verification on a warm cache, each call counted and recorded."""
    url, asked = _questions(bed)
    runs: list[load.Load] = []

    def ours() -> float:
        runs.append(load.run(url, asked, connections=CONNECTIONS, seconds=SECONDS))
        return runs[-1].per_second

    def bare() -> float:
        question = [load.request("POST", bed.bare, body=b'{"key":"x"}')]
        return load.run(bed.bare, question, connections=CONNECTIONS, seconds=SECONDS).per_second

    figure, limit, ratio = in_turn(ours, bare)
    refused = [run.failures for run in runs if run.failures]
    assert not refused, f"a refusal is cheaper than an answer and must not count: {refused}"
    p95 = sorted(run.p95 for run in runs)[len(runs) // 2]
    return Row(
        "keys/verify, cache hit, recorded, one worker",
        f"{figure:,.0f} requests/s, p95 {p95:.1f} ms at {CONNECTIONS} connections",
        f"{limit:,.0f} requests/s, bare WSGI with one Redis pipeline",
        ratio,
        "at least 0.50",
    )


def measure_record_share(bed: Bed) -> Row:
    """What the record of a call adds to the answer: the same script with and without it."""
    url, asked = _questions(bed)
    alone = load.run(url, asked, connections=1, seconds=SECONDS)
    caller, text = _made[:2]
    environment = {"BENCH_CALLER": caller, "BENCH_KEY": text, "BENCH_CALLS": str(CALLS)}
    pairs = json.loads(_run(bed, _TIME, environment))
    added = statistics.median(recorded - plain for recorded, plain in pairs) * 1000
    plain = statistics.median(plain for _, plain in pairs) * 1000
    before = alone.p50 - added
    return Row(
        "recording a call, in the script that answers",
        f"adds {added:.3f} ms to the script's {plain:.3f} ms",
        f"{before:.3f} ms median answer without it, one connection",
        alone.p50 / before,
        "adds under 10 %",
    )


def _questions(bed: Bed) -> tuple[str, list[bytes]]:
    if not _made:
        _made.extend(json.loads(_run(bed, _MAKE, {})))
    url = f"{bed.stack.site}/api/v1/keys/verify"
    caller, *texts = _made
    headers = {"Authorization": f"Bearer {caller}"}
    bodies = [
        orjson.dumps({"key": text, "endpoint": "/v1/maps", "method": "GET"}) for text in texts
    ]
    asked = [load.request("POST", url, body=body, headers=headers) for body in bodies]
    load.run(url, asked, connections=1, seconds=0.3)  # the cache is warm from here on
    return url, asked


def _run(bed: Bed, program: str, environment: dict[str, str]) -> str:
    """Run a program of ours beside the stack, with its database and Redis; return its last line."""
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "-v0", "-c", program],
        cwd=services.ROOT,
        env={**os.environ, **bed.stack.env, **environment, "SWITCHYARD_PROCESS": "command"},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip().splitlines()[-1]

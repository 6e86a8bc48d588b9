"""How long a customer's pages of API usage take when 100,000 single calls are kept."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from benchmarks.bed import Bed, Row
from tests import services

ROWS = 100_000
LIMIT_MS = 300
PAGES = ("usage", "usage_calls")
CALLS = """
INSERT INTO series.api_calls (id, called_at, organization_id, api_key_id, product, endpoint,
       method, status_code, latency_ms, outcome)
SELECT gen_random_uuid(), now() - n * interval '1 second', %s, md5((n %% 50)::text)::uuid, 'lists',
       '/v1/things', 'GET', CASE WHEN n %% 50 = 0 THEN 500 ELSE 200 END, n %% 300, 'VALID'
  FROM generate_series(1, %s) n
"""
# Behind the wall, through every middleware, as the web process would answer it.
_OPEN = f"""
import json, os, time
from urllib.parse import urlsplit
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.test import Client
from django.urls import reverse
from accounts.models import User
user = User.objects.get(pk=os.environ["BENCH_USER"])
client = Client(headers={{"host": urlsplit(settings.SITE_URL).netloc}})
client.force_login(user)
UserSession.objects.create(user=user, session_key=client.session.session_key, ip="127.0.0.1",
    user_agent="bench")
found = []
for name in {PAGES}:
    times = []
    for _ in range(6):
        began = time.perf_counter()
        answer = client.get(reverse(name))
        times.append((time.perf_counter() - began) * 1000)
        assert answer.status_code == 200, (name, answer.status_code, answer.headers)
    found.append(sorted(times[1:])[2])
print(json.dumps(found))
"""


def measure_usage(bed: Bed) -> Row:
    """Pages of usage and of single calls, 100,000 kept."""
    [(user, organization)] = bed.ask(
        "SELECT user_id, organization_id FROM accounts_membership WHERE role = 'owner' LIMIT 1"
    )
    with bed.connect() as raw:
        raw.execute(CALLS, [organization, ROWS])
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "-v0", "-c", _OPEN],
        cwd=services.ROOT,
        env={**os.environ, **bed.stack.env, "SWITCHYARD_PROCESS": "web", "BENCH_USER": str(user)},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    usage, calls = json.loads(done.stdout.strip().splitlines()[-1])
    return Row(
        f"pages of usage and of single calls, {ROWS:,} calls kept",
        f"{usage:,.0f} ms, {calls:,.0f} ms",
        f"{LIMIT_MS} ms",
        max(usage, calls) / LIMIT_MS,
        "each under 300 ms",
    )

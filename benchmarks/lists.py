"""ADM-4: how long the back office's longest lists take when they have 100,000 rows."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

import httpx

from benchmarks.bed import Bed, Row
from tests import services

ROWS = 100_000
LISTS = ("accounts/user", "accounts/auditlog")
TIMES = 7

# Staff who have signed in with both factors; the session is what the door would have made.
_ENTER = """
import time
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.test import Client
from accounts.models import User
staff = User.objects.filter(role="admin").first()
Authenticator.objects.get_or_create(user=staff, type="totp", defaults={"data": {}})
client = Client()
client.force_login(staff)
session = client.session
session["account_authentication_methods"] = [
    {"method": method, "at": time.time()} for method in ("password", "mfa")
]
session.save()
print(settings.SESSION_COOKIE_NAME, session.session_key)
"""
# Each new person is an entry of the trail as well: both lists grow by as many.
_GROW = """
INSERT INTO accounts_user
SELECT grown.*
FROM (SELECT * FROM accounts_user WHERE role = 'customer' LIMIT 1) AS person,
    generate_series(1, %s) AS number,
    jsonb_populate_record(person::accounts_user, jsonb_build_object(
        'id', uuidv7(), 'email', 'bench' || number || '@example.com',
        'username', 'bench-' || number)) AS grown
"""


def measure_lists(bed: Bed) -> Row:
    """Pages of people and of the trail in the back office, few rows and 100,000."""
    if "backoffice" not in bed.stack.running:
        bed.stack.start("backoffice")
    client = _enter(bed)
    few = {name: _milliseconds(client, name) for name in LISTS}
    with bed.connect() as connection:
        connection.execute(_GROW, [ROWS])
    with bed.connect() as connection:
        connection.autocommit = True
        connection.execute("ANALYZE accounts_user")
    many = {name: _milliseconds(client, name) for name in LISTS}
    client.close()
    return Row(
        f"pages of people and of the trail, {ROWS:,} rows",
        ", ".join(f"{many[name]:,.0f} ms" for name in LISTS),
        ", ".join(f"{few[name]:,.0f} ms" for name in LISTS) + " with few rows",
        min(few[name] / many[name] for name in LISTS),
        "each under 300 ms",
    )


def _enter(bed: Bed) -> httpx.Client:
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", _ENTER],
        cwd=services.ROOT,
        env=bed.stack.env | {"SWITCHYARD_PROCESS": "backoffice"},
        capture_output=True,
        text=True,
        check=True,
    )
    name, key = done.stdout.split()[-2:]
    return httpx.Client(base_url=bed.stack.backoffice, cookies={name: key}, timeout=60)


def _milliseconds(client: httpx.Client, name: str) -> float:
    taken = []
    for _ in range(TIMES):
        began = time.perf_counter()
        answer = client.get(f"/admin/{name}/")
        assert answer.status_code == 200, answer.headers
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)

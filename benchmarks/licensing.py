"""The licensing hot paths against an empty WSGI view with one Redis pipeline."""

from __future__ import annotations

import httpx
import orjson
from cryptography.fernet import Fernet

from benchmarks import load
from benchmarks.bed import Bed, Row, in_turn

CONNECTIONS = 8
SECONDS = 2.0
DEVICES = 2500  # enough that no device meets its limit of requests a minute


def _activate(bed: Bed) -> list[tuple[str, str, str, str]]:
    """Take seats on the demo's licenses; return (key, device id, link id, token) of each."""
    rows = bed.ask("SELECT key_sealed FROM licensing_license WHERE status = 'active' LIMIT 1")
    key = Fernet(bed.stack.env["SWITCHYARD_SECRETS_KEY"]).decrypt(bytes(rows[0][0])).decode()
    with bed.connect() as connection:
        connection.execute("UPDATE licensing_license SET max_devices = 10000")
    found = []
    with httpx.Client(base_url=bed.stack.site, timeout=10) as client:
        for number in range(DEVICES):
            device = f"bench-{number}"
            body = {"license_key": key, "device_id": device, "device_name": device}
            answer = client.post("/api/v1/licenses/activate", json=body)
            answer.raise_for_status()
            document = answer.json()
            found.append((key, device, document["device"]["id"], document["token"]))
    return found


_ACTIVE: list[tuple[str, str, str, str]] = []


def devices(bed: Bed) -> list[tuple[str, str, str, str]]:
    if not _ACTIVE:
        _ACTIVE.extend(_activate(bed))
    return _ACTIVE


def measure_validate(bed: Bed) -> Row:
    """License validate on a warm cache."""
    url = f"{bed.stack.site}/api/v1/licenses/validate"
    asked = [
        load.request("POST", url, body=orjson.dumps({"license_key": key, "device_id": device}))
        for key, device, _, _ in devices(bed)
    ]
    return _against_bare(bed, "validate, cache hit, one worker", url, asked, "at least 0.50")


def measure_heartbeat(bed: Bed) -> Row:
    """Heartbeat on a warm cache."""
    base = f"{bed.stack.site}/api/v1/devices"
    asked = [
        load.request(
            "POST", f"{base}/{link}/heartbeat", body=b"{}",
            headers={"Authorization": f"Bearer {token}"},
        )
        for _, _, link, token in devices(bed)
    ]  # fmt: skip
    return _against_bare(bed, "heartbeat, cache hit, one worker", base, asked, "for the record")


def _against_bare(bed: Bed, what: str, url: str, asked: list[bytes], wanted: str) -> Row:
    runs: list[load.Load] = []

    def ours() -> float:
        runs.append(load.run(url, asked, connections=CONNECTIONS, seconds=SECONDS))
        return runs[-1].per_second

    def bare() -> float:
        question = [load.request("POST", bed.bare, body=b'{"license_key":"x"}')]
        return load.run(bed.bare, question, connections=CONNECTIONS, seconds=SECONDS).per_second

    figure, limit, ratio = in_turn(ours, bare)
    refused = [run.failures for run in runs if run.failures]
    assert not refused, f"a refusal is cheaper than an answer and must not count: {refused}"
    p95 = sorted(run.p95 for run in runs)[len(runs) // 2]
    return Row(
        what,
        f"{figure:,.0f} requests/s, p95 {p95:.1f} ms at {CONNECTIONS} connections",
        f"{limit:,.0f} requests/s, bare WSGI with one Redis pipeline",
        ratio,
        wanted,
    )

"""The example receiver verifies what we send: by hand, by the library, and refuses forgeries."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from accounts.rules.signing import make_secret
from tests import services
from tests.factories.webhooks import SECRET, announced, endpoint_of

pytestmark = pytest.mark.django_db


@contextmanager
def example(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    program = services.ROOT / "examples" / "webhook_receiver.py"
    process = subprocess.Popen(
        [sys.executable, str(program), "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        yield process, process.stderr.readline().split()[-1]
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("options", [[], ["--library"]])
def test_it_prints_what_is_genuine_once(
    organization: Any, permitted: None, send: Any, fresh: Any, options: list[str]
) -> None:
    """API-8, from the customer's side, in a process of its own; a rolled secret stands beside."""
    with example("--secret", make_secret(), "--secret", SECRET, *options) as (process, url):
        endpoint_of(organization, url)
        delivery = announced(organization, "device.activated")
        send(delivery)
        assert fresh(delivery).response_status == 204
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert (told["type"], told["data"]["device_id"]) == ("device.activated", "desk-1")


def test_it_refuses_what_is_forged_or_old(
    organization: Any, permitted: None, send: Any, fresh: Any
) -> None:
    with example("--secret", make_secret()) as (_, url):
        endpoint_of(organization, url)
        delivery = announced(organization)
        send(delivery)
        assert (fresh(delivery).response_status, fresh(delivery).error_code) == (400, "http_error")
        old = {"webhook-id": "1", "webhook-timestamp": "1", "webhook-signature": "v1,AAAA"}
        assert httpx.post(url, content=b"{}", headers=old).status_code == 400
        assert httpx.post(url, content=b"{}").status_code == 400

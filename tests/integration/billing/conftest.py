"""The Stripe stand-in over HTTP for tests of billing's services."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.simstripe import KEY, SECRET, Vendor, running


@pytest.fixture(scope="session")
def vendor_process() -> Iterator[Vendor]:
    with running() as started:
        yield started


@pytest.fixture
def vendor(vendor_process: Vendor, settings: Any) -> Vendor:
    """A vendor that has forgotten everything and misbehaves in nothing."""
    vendor_process.control("reset")
    settings.STRIPE_SECRET_KEY = KEY
    settings.STRIPE_API_BASE = vendor_process.url
    settings.STRIPE_WEBHOOK_SECRET = SECRET
    return vendor_process

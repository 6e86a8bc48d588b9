"""What the tests of the front pages share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from config.kit.redis import connect


@pytest.fixture
def redis_away(settings: Any) -> Iterator[None]:
    """Point the shared client at a port where nothing listens."""
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    connect.cache_clear()
    yield
    connect.cache_clear()

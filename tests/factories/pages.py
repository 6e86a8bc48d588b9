"""What a page in a browser does by itself."""

from __future__ import annotations

import re
from html import unescape
from typing import Any


def polled(client: Any, path: str, part: str) -> str:
    """Open a page; return the address that its live part asks, as it stands on the page."""
    page = client.get(path).content.decode()
    found = re.search(f'<div id="{part}" data-live hx-get="([^"]+)"', page)
    assert found, "nothing asks"
    return unescape(found[1])

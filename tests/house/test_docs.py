"""Generated pages say what the code says."""

from __future__ import annotations

import pytest
from django.conf import settings

from config.management.commands.write_docs import documents


@pytest.mark.parametrize("name", ["events.md", "errors.md", "webhooks.md"])
def test_the_generated_page_is_up_to_date(name: str) -> None:
    written = (settings.BASE_DIR / "docs" / name).read_text()
    assert written == documents()[name], "run manage.py write_docs"


def test_every_error_code_has_one_meaning() -> None:
    rows = [
        line.split("|")[1:3]
        for line in documents()["errors.md"].splitlines()
        if line.startswith("| `")
    ]
    codes = [code.strip() for code, _ in rows]
    statuses = {tuple(part.strip() for part in row) for row in rows}
    assert len({code for code, _ in statuses}) == len(statuses), sorted(codes)

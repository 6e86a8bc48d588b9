"""The third-party files under static/vendor are the ones VENDOR.json names, and no others."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import brotli
import pytest
from django.conf import settings

VENDOR = settings.BASE_DIR / "static" / "vendor"
MANIFEST: dict[str, dict[str, Any]] = json.loads((VENDOR / "VENDOR.json").read_text())


@pytest.mark.parametrize("name", sorted(MANIFEST))
def test_a_vendored_file_is_unchanged(name: str) -> None:
    body = (VENDOR / name).read_bytes()
    assert len(body) == MANIFEST[name]["bytes"]
    assert hashlib.sha256(body).hexdigest() == MANIFEST[name]["sha256"]


def test_nothing_lies_beside_the_manifest() -> None:
    found = {path.relative_to(VENDOR).as_posix() for path in VENDOR.rglob("*") if path.is_file()}
    assert found - {"VENDOR.json"} == set(MANIFEST)


def test_versions_are_those_that_the_tool_pins() -> None:
    tools = settings.BASE_DIR / "tools"
    pinned = json.loads((tools / "package.json").read_text())["dependencies"]
    for entry in MANIFEST.values():
        assert pinned[entry["package"]] == entry["version"]


def test_the_lock_file_names_no_download_address() -> None:
    assert "resolved" not in (settings.BASE_DIR / "tools" / "package-lock.json").read_text()


def test_no_file_points_at_a_source_map_that_is_not_shipped() -> None:
    for path in VENDOR.glob("*.[cj]s*"):
        assert "sourceMappingURL" not in path.read_text(), path.name


def test_every_package_and_license_is_named_in_third_party() -> None:
    page = (settings.BASE_DIR / "THIRD_PARTY.md").read_text()
    for entry in MANIFEST.values():
        assert f"{entry['package']} {entry['version']}" in page
        assert entry["license"] in page


def _sent(*names: str) -> int:
    static = settings.BASE_DIR / "static"
    return sum(len(brotli.compress((static / name).read_bytes())) for name in names)


SCRIPTS = ("vendor/htmx.min.js", "app/app.js", "app/theme.js")
CHARTS = ("vendor/uPlot.iife.min.js", "app/charts.js")
STYLES = ("vendor/bootstrap.min.css", "app/app.css")


@pytest.mark.parametrize(
    ("names", "limit"), [(SCRIPTS, 50_000), (SCRIPTS + CHARTS, 75_000), (STYLES, 40_000)]
)
def test_what_a_page_sends_stays_small(names: tuple[str, ...], limit: int) -> None:
    assert _sent(*names) <= limit

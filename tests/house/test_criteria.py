"""Every promise of docs/security.md has a test that names it, and no test names an unknown one."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROMISE = re.compile(r"\b(?:AUD|AUT|ADM|API)-\d+\b")
EXPECTED = {
    f"{kind}-{number}"
    for kind, most in (("AUD", 11), ("AUT", 15), ("ADM", 7), ("API", 10))
    for number in range(1, most + 1)
}


def promised() -> set[str]:
    text = (ROOT / "docs/security.md").read_text()
    return {line.split("|")[1].strip() for line in text.splitlines() if PROMISE.match(line[2:])}


def shown() -> set[str]:
    files = [*ROOT.glob("tests/**/test_*.py"), *ROOT.glob("benchmarks/**/*.py")]
    return {
        name
        for file in files
        if file != Path(__file__)
        for name in PROMISE.findall(file.read_text())
    }


def test_the_page_lists_every_promise() -> None:
    assert promised() == EXPECTED


def test_every_promise_is_shown_by_a_test() -> None:
    assert sorted(promised() - shown()) == []


def test_no_test_names_a_promise_that_is_not_made() -> None:
    assert sorted(shown() - promised()) == []
